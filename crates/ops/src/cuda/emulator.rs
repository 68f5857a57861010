//! Runs the kernels on the processor: the system's C++ compiler builds their sources with a header that stands for CUDA
//! (`emulator/emulator.h`), and tests execute them through the same code as a GPU does.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::{CpuStorage, DType, Error, Result, Storage};
use half::{bf16, f16};

use super::machine::{Arguments, Machine, Memory, Module, THREADS};
use super::ptx;

/// The processor as a GPU.
pub(super) struct Emulator;

thread_local! {
    static ORDER: Cell<Option<u64>> = const { Cell::new(None) };
    static LAUNCHES: Cell<usize> = const { Cell::new(0) };
    static COPIES: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread takes the processor for a GPU.
pub(super) fn is_on() -> bool {
    ORDER.get().is_some()
}

/// Calls `f` with the processor as a GPU, whose blocks and threads have their turns in an order that follows from `order`. Says
/// how many kernels ran, too.
pub(super) fn emulated<R>(order: u64, f: impl FnOnce() -> R) -> (R, usize) {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ORDER.set(self.0);
        }
    }
    let _restore = Restore(ORDER.replace(Some(order)));
    let before = LAUNCHES.get();
    let result = f();
    (result, LAUNCHES.get() - before)
}

/// Counts a copy from the device to the host.
pub(super) fn note_copy() {
    COPIES.set(COPIES.get() + 1);
}

/// How many copies from the device to the host there were on this thread.
pub(super) fn copies() -> usize {
    COPIES.get()
}

/// Whether there is a compiler, and so an emulator. Says so where there is none, and fails where one must be there.
pub(super) fn is_here() -> bool {
    let here = Command::new(compiler()).arg("--version").output().is_ok_and(|o| o.status.success());
    if !here {
        let required = std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_some();
        assert!(!required, "no C++ compiler ({:?}) to run the CUDA kernels on the processor", compiler());
        eprintln!("SKIPPED: no C++ compiler ({:?}) to run the CUDA kernels on the processor", compiler());
    }
    here
}

fn compiler() -> std::ffi::OsString {
    std::env::var_os("CXX").unwrap_or_else(|| "c++".into())
}

/// What the emulator's `Memory` is.
#[repr(C)]
struct Part {
    data: *mut u8,
    bytes: usize,
    offset: usize,
    writable: i32,
}

type Launch = unsafe extern "C" fn(
    kernel: *const c_char,
    grid_x: u32,
    grid_y: u32,
    threads: u32,
    blob: *mut u8,
    size: usize,
    memory: *const Part,
    parts: usize,
    seed: u64,
) -> *const c_char;

/// The library with all kernels, built once for each state of their sources. The emulator runs one kernel at a time.
fn library() -> &'static Mutex<libloading::Library> {
    static LIBRARY: OnceLock<Mutex<libloading::Library>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = build();
        // SAFETY: our own library, whose initialisers only fill a table.
        Mutex::new(unsafe { libloading::Library::new(&path) }.unwrap())
    })
}

fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda");
    let sources = [ptx::files(&root.join("kernels")), ptx::files(&root.join("emulator"))].concat();
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let library = folder.join(format!("cuda-emulator-{}.so", &ptx::hash(&sources)[..16]));
    if library.exists() {
        return library;
    }
    let fresh = folder.join(format!("cuda-emulator-{}.tmp", std::process::id()));
    let kernels = sources.iter().filter(|s| s.extension().is_some_and(|e| e == "cu"));
    let output = Command::new(compiler())
        .args(["-std=c++17", "-O2", "-shared", "-fPIC", "-Wall", "-Wno-unknown-pragmas", "-o"])
        .arg(&fresh)
        .arg("-I")
        .arg(root.join("emulator"))
        .arg(root.join("emulator/emulator.cpp"))
        .args(["-x", "c++", "-include", "emulator.h"])
        .args(kernels)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(&fresh, &library).unwrap();
    library
}

/// The bytes of some elements of a storage.
fn bytes_of(storage: &CpuStorage, range: (Bound<usize>, Bound<usize>)) -> (*mut u8, usize) {
    macro_rules! part {
        ($v:expr) => {{
            let part = &$v[range];
            (part.as_ptr().cast_mut().cast(), size_of_val(part))
        }};
    }
    match storage {
        CpuStorage::F32(v) => part!(v),
        CpuStorage::F64(v) => part!(v),
        CpuStorage::F16(v) => part!(v),
        CpuStorage::BF16(v) => part!(v),
        CpuStorage::U32(v) => part!(v),
        other => panic!("no kernel takes {other:?}"),
    }
}

impl Machine for Emulator {
    /// What nobody has written is NaN, or an index beyond all others, so that it shows.
    fn alloc(&self, dtype: DType, n: usize) -> Result<Storage> {
        Ok(Storage::Cpu(match dtype {
            DType::F32 => CpuStorage::F32(vec![f32::NAN; n]),
            DType::F64 => CpuStorage::F64(vec![f64::NAN; n]),
            DType::F16 => CpuStorage::F16(vec![f16::NAN; n]),
            DType::BF16 => CpuStorage::BF16(vec![bf16::NAN; n]),
            DType::U32 => CpuStorage::U32(vec![u32::MAX; n]),
            other => return Err(Error::UnsupportedDTypeForOp(other, "alloc")),
        }))
    }

    fn launch(&self, _: Module, kernel: &str, grid: (u32, u32), arguments: Arguments<'_>) -> Result<()> {
        if grid.0 == 0 {
            return Ok(());
        }
        LAUNCHES.set(LAUNCHES.get() + 1);
        let Arguments { mut bytes, mut memory } = arguments;
        let open: Vec<_> = memory
            .iter()
            .map(|(_, m)| if let Memory::Read(t) = m { Some(t.storage_and_layout()) } else { None })
            .collect();
        let parts: Vec<Part> = memory
            .iter()
            .zip(&open)
            .map(|((offset, m), open)| {
                let (data, bytes) = match (m, open) {
                    (Memory::Write(storage), _) => match &**storage {
                        Storage::Cpu(s) => bytes_of(s, (Bound::Unbounded, Bound::Unbounded)),
                        _ => panic!("a storage elsewhere"),
                    },
                    (Memory::Read(_), Some((storage, layout))) => match &**storage {
                        Storage::Cpu(s) => {
                            let (start, end) = layout.contiguous_offsets().expect("a contiguous tensor");
                            bytes_of(s, (Bound::Included(start), Bound::Excluded(end)))
                        }
                        _ => panic!("a storage elsewhere"),
                    },
                    _ => unreachable!(),
                };
                Part { data, bytes, offset: *offset, writable: matches!(m, Memory::Write(_)).into() }
            })
            .collect();
        let name = CString::new(kernel).unwrap();
        let library = library().lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the type is that of the function. It writes only what is behind `Memory::Write`, which is borrowed
        // mutably, and the text that it returns is copied before the next launch.
        let error = unsafe {
            let launch: libloading::Symbol<'_, Launch> = library.get(b"emulator_launch").unwrap();
            let error = launch(
                name.as_ptr(),
                grid.0,
                grid.1,
                THREADS,
                bytes.as_mut_ptr(),
                bytes.len(),
                parts.as_ptr(),
                parts.len(),
                ORDER.get().unwrap_or(0),
            );
            (!error.is_null()).then(|| CStr::from_ptr(error).to_string_lossy().into_owned())
        };
        drop(open);
        memory.clear();
        error.map_or(Ok(()), |e| Err(Error::Msg(e)))
    }
}
