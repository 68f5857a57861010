use candle_core::{CpuStorage, WithDType};

/// The types of numbers that this crate computes with on the host.
pub(crate) trait Real: WithDType {
    fn sqrt(self) -> Self;

    /// The numbers of a storage of this type, to be exchanged.
    fn open(storage: &mut CpuStorage) -> Option<&mut Vec<Self>>;
}

impl Real for f32 {
    fn sqrt(self) -> Self {
        Self::sqrt(self)
    }

    fn open(storage: &mut CpuStorage) -> Option<&mut Vec<Self>> {
        if let CpuStorage::F32(numbers) = storage { Some(numbers) } else { None }
    }
}

impl Real for f64 {
    fn sqrt(self) -> Self {
        Self::sqrt(self)
    }

    fn open(storage: &mut CpuStorage) -> Option<&mut Vec<Self>> {
        if let CpuStorage::F64(numbers) = storage { Some(numbers) } else { None }
    }
}
