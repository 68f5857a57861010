use std::ops::{Add, Div, Mul, Sub, SubAssign};

use candle_core::CpuStorage;

/// The types of numbers that this crate computes with on the host.
pub(crate) trait Real:
    Copy
    + Default
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + SubAssign
{
    fn to_f64(self) -> f64;
    fn of_f64(x: f64) -> Self;
    fn sqrt(self) -> Self;
    /// The numbers of a storage of this type.
    fn read(storage: &CpuStorage) -> Option<&[Self]>;
    fn open(storage: &mut CpuStorage) -> Option<&mut Vec<Self>>;
}

macro_rules! real {
    ($t:ty, $variant:ident) => {
        impl Real for $t {
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            fn of_f64(x: f64) -> Self {
                x as $t
            }

            fn sqrt(self) -> Self {
                <$t>::sqrt(self)
            }

            fn read(storage: &CpuStorage) -> Option<&[Self]> {
                if let CpuStorage::$variant(numbers) = storage { Some(numbers) } else { None }
            }

            fn open(storage: &mut CpuStorage) -> Option<&mut Vec<Self>> {
                if let CpuStorage::$variant(numbers) = storage { Some(numbers) } else { None }
            }
        }
    };
}
real!(f32, F32);
real!(f64, F64);
