//! Who is in translated code, and how to have it to oneself.
//!
//! A thread marks itself inside before it enters translated code and then looks whether the world is closed; whoever closes
//! the world does it the other way round. So either the thread sees the closed world and waits outside, or the closer sees
//! the thread and waits for it. Threads come out because their poll page is taken away.
//!
//! Needed where old code must not run any more (memory of the code cache is used again) and where one guest instruction must
//! be atomic for all (LOCK across a cache line).
use super::thread::{current, ThreadMemory};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// All threads of an engine.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Mirrors `Inner::closed`, for a look without the lock.
    closed: AtomicBool,
    /// Number of threads, for a look without the lock.
    count: AtomicU32,
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    threads: Vec<Arc<ThreadMemory>>,
    closed: bool,
}

impl World {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic under this lock")
    }

    /// A new thread, outside.
    pub(crate) fn add(&self, thread: Arc<ThreadMemory>) {
        let mut inner = self.lock();
        inner.threads.push(thread);
        self.count.store(inner.threads.len() as u32, Ordering::Relaxed);
    }

    /// A thread is gone.
    pub(crate) fn remove(&self, thread: &Arc<ThreadMemory>) {
        let mut inner = self.lock();
        inner.threads.retain(|t| !Arc::ptr_eq(t, thread));
        self.count.store(inner.threads.len() as u32, Ordering::Relaxed);
    }

    /// Whether there may be a second thread to be afraid of.
    pub(crate) fn is_shared(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 1
    }

    /// Marks the thread inside, as soon as the world is open.
    pub(crate) fn enter(&self, thread: &ThreadMemory) {
        loop {
            thread.inside.store(1, Ordering::SeqCst);
            if !self.closed.load(Ordering::SeqCst) {
                return;
            }
            thread.inside.store(0, Ordering::SeqCst);
            let mut inner = self.lock();
            self.changed.notify_all();
            while inner.closed {
                inner = self.changed.wait(inner).expect("no panic under this lock");
            }
        }
    }

    /// Marks the thread outside.
    pub(crate) fn leave(&self, thread: &ThreadMemory) {
        thread.inside.store(0, Ordering::SeqCst);
        if self.closed.load(Ordering::SeqCst) {
            // Under the lock, so that the closer is either waiting or will look again.
            let _inner = self.lock();
            self.changed.notify_all();
        }
    }

    /// Runs `f` while no thread is in translated code. The caller is outside and holds no lock of the engine's.
    pub(crate) fn exclusive<R>(&self, f: impl FnOnce(&[Arc<ThreadMemory>]) -> R) -> R {
        let mut inner = self.lock();
        while inner.closed {
            inner = self.changed.wait(inner).expect("no panic under this lock");
        }
        inner.closed = true;
        self.closed.store(true, Ordering::SeqCst);
        for thread in inner.threads.iter().filter(|t| t.inside.load(Ordering::SeqCst) != 0) {
            thread.kick();
        }
        while inner.threads.iter().any(|t| t.inside.load(Ordering::SeqCst) != 0) {
            inner = self.changed.wait(inner).expect("no panic under this lock");
        }
        let threads = inner.threads.clone();
        drop(inner);
        let result = f(&threads);
        let mut inner = self.lock();
        inner.closed = false;
        self.closed.store(false, Ordering::SeqCst);
        self.changed.notify_all();
        result
    }

    /// Makes every thread inside come out once, soon; does not wait.
    pub(crate) fn kick_all(&self) {
        for thread in self.lock().threads.iter().filter(|t| t.inside.load(Ordering::SeqCst) != 0) {
            thread.kick();
        }
    }

    /// Runs `fork` while the world is open and its lock held. `in_child` tells from the result whether this is the child,
    /// where only the calling thread lives on.
    pub(crate) fn fork<R>(&self, fork: impl FnOnce() -> R, in_child: impl FnOnce(&R) -> bool) -> R {
        let mut inner = self.lock();
        while inner.closed {
            inner = self.changed.wait(inner).expect("no panic under this lock");
        }
        let result = fork();
        if in_child(&result) {
            let me = current().map_or(std::ptr::null(), |me| &raw const *me);
            inner.threads.retain(|t| std::ptr::eq(Arc::as_ptr(t), me));
            self.count.store(inner.threads.len() as u32, Ordering::Relaxed);
        }
        result
    }
}
