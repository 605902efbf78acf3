//! The lock on an output folder: tasks of pass 1 may run side by side, what replaces and removes files runs alone.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::Error;

/// Holds the lock until it is dropped, or until the process ends, however it ends.
pub struct FolderLock(#[expect(dead_code, reason = "its handle holds the lock")] File);

impl FolderLock {
    /// Waits until nobody else holds the lock in a way that excludes this one: alone, or shared with others that share.
    /// `waits` is called first if there is somebody to wait for.
    /// # Errors
    /// Fails if the folder cannot be made or its file system has no locks.
    pub fn take(folder: &Path, alone: bool, waits: &dyn Fn()) -> Result<FolderLock, Error> {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let path = folder.join("lock");
        let file = File::create(&path).map_err(Error::io(&path))?;
        let free = if alone { file.try_lock() } else { file.try_lock_shared() };
        if free.is_err() {
            waits();
            if alone { file.lock() } else { file.lock_shared() }.map_err(Error::io(&path))?;
        }
        Ok(FolderLock(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharers_do_not_wait_and_one_alone_does() {
        let folder = tempfile::tempdir().unwrap();
        let must_not_wait = || panic!("there is nobody to wait for");
        let first = FolderLock::take(folder.path(), false, &must_not_wait).unwrap();
        let second = FolderLock::take(folder.path(), false, &must_not_wait).unwrap();
        let path = folder.path().to_owned();
        let (send, receive) = std::sync::mpsc::channel();
        let alone =
            std::thread::spawn(move || drop(FolderLock::take(&path, true, &|| send.send(()).unwrap()).unwrap()));
        receive.recv().unwrap();
        assert!(!alone.is_finished());
        drop((first, second));
        alone.join().unwrap();
    }
}
