//! Wall time, CPU time and memory of this process.

use std::time::Instant;

use cpu_time::ProcessTime;

/// What one repetition took, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Repetition {
    /// By the clock.
    pub wall_ms: f64,
    /// CPU time of all threads together.
    pub cpu_ms: f64,
}

/// Times one call.
///
/// # Errors
/// That of the call.
pub fn time<E>(f: impl FnOnce() -> Result<(), E>) -> Result<Repetition, E> {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    f()?;
    let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
    Ok(Repetition { wall_ms: 1e3 * wall.as_secs_f64(), cpu_ms: 1e3 * cpu.as_secs_f64() })
}

/// The median; NaN of nothing.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The median wall time of `repetitions` calls, in milliseconds.
pub fn median_ms(repetitions: usize, mut f: impl FnMut()) -> f64 {
    let one = |_| {
        let begin = Instant::now();
        f();
        1e3 * begin.elapsed().as_secs_f64()
    };
    median(&(0..repetitions).map(one).collect::<Vec<_>>())
}

/// Memory that is resident now, in MB; none where there is no `/proc`.
pub fn resident_mb() -> Option<f64> {
    status("VmRSS:")
}

/// The most memory that was resident since [`reset_peak`], in MB.
pub fn peak_mb() -> Option<f64> {
    status("VmHWM:")
}

/// Forgets the peak, where the kernel lets us.
pub fn reset_peak() {
    // Linux only; elsewhere peaks are not reported at all, so there is nothing to say here.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(key: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(key))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
