//! Time and memory of a device.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};

use crate::meter;

/// How long something takes on a device, and how much of its memory.
pub(crate) struct Clock {
    device: Device,
}

impl Clock {
    pub(crate) fn of(device: &Device) -> Result<Self> {
        Ok(Self { device: device.clone() })
    }

    /// The name of the device.
    pub(crate) fn name(&self) -> Result<String> {
        match &self.device {
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => Ok(device.cuda_stream().context().name()?),
            _ => Ok(format!("CPU, {} threads", rayon::current_num_threads())),
        }
    }

    /// The milliseconds of each of some repetitions, after one that does not count. On a GPU by its events.
    pub(crate) fn times(&self, repetitions: usize, mut f: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
        f()?;
        self.device.synchronize()?;
        (0..repetitions).map(|_| self.time(&mut f)).collect()
    }

    fn time(&self, f: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = &self.device {
            use candle_core::cuda_backend::cudarc::driver::sys::CUevent_flags::CU_EVENT_DEFAULT;
            let stream = device.cuda_stream();
            let begin = stream.record_event(Some(CU_EVENT_DEFAULT))?;
            f()?;
            let end = stream.record_event(Some(CU_EVENT_DEFAULT))?;
            return Ok(begin.elapsed_ms(&end)?.into());
        }
        let begin = Instant::now();
        f()?;
        self.device.synchronize()?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }

    /// The most memory that is in use while `f` runs, over what is before, in MB; on a GPU by asking again and again.
    pub(crate) fn peak_mb(&self, f: impl FnOnce() -> Result<()>) -> Result<Option<f64>> {
        let Some(before) = used_mb(&self.device) else {
            f()?;
            return Ok(None);
        };
        let done = AtomicBool::new(false);
        let (result, most) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut most = before;
                while !done.load(Ordering::Relaxed) {
                    most = used_mb(&self.device).unwrap_or(before).max(most);
                    std::thread::yield_now();
                }
                most
            });
            let result = f().and_then(|()| Ok(self.device.synchronize()?));
            done.store(true, Ordering::Relaxed);
            (result, watch.join().unwrap_or(before))
        });
        result.map(|()| Some(most - before))
    }

    /// The bytes that a copy from device to device reads and writes, over its time.
    pub(crate) fn copy_gb_s(&self, device: &Device, numbers: usize, repetitions: usize) -> Result<f64> {
        let x = Tensor::zeros(numbers, DType::F32, device)?;
        let times = self.times(repetitions, || Ok(x.copy().map(drop)?))?;
        Ok(2.0 * 4.0 * numbers as f64 / (meter::median(&times) * 1e6))
    }
}

/// What a GPU has given away, in MB.
fn used_mb(device: &Device) -> Option<f64> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => {
            let (free, total) = device.cuda_stream().context().mem_get_info().ok()?;
            Some((total - free) as f64 / 1e6)
        }
        _ => None,
    }
}
