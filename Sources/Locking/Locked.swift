// What several threads share goes through this one type, so that there is one place to look for locks.
#if THREAD_SANITIZER
    // The thread sanitizer does not see `Mutex` on Linux (it is a futex inside the uninstrumented
    // standard library) and would report every use; it does know pthread mutexes.
    internal import Glibc

    /// A value that is reached only while its lock is held.
    @safe public final class Locked<Value: ~Copyable>: @unchecked Sendable {
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>
        private var value: Value

        /// Takes ownership of `value`.
        public init(_ value: consuming sending Value) {
            self.value = value
            unsafe mutex = .allocate(capacity: 1)
            unsafe pthread_mutex_init(mutex, nil)
        }

        deinit {
            unsafe pthread_mutex_destroy(mutex)
            unsafe mutex.deallocate()
        }

        /// Runs `body` with the lock held; `body` must not block.
        public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
            unsafe pthread_mutex_lock(mutex)
            defer { unsafe pthread_mutex_unlock(mutex) }
            return try body(&value)
        }
    }
#else
    internal import Synchronization

    /// A value that is reached only while its lock is held.
    ///
    /// Sendable although `Value` may not be: `value` is private and touched only under `mutex`.
    public final class Locked<Value: ~Copyable>: @unchecked Sendable {
        private let mutex = Mutex(())
        private var value: Value

        /// Takes ownership of `value`.
        public init(_ value: consuming sending Value) { self.value = value }

        /// Runs `body` with the lock held; `body` must not block.
        public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
            try mutex.withLock { _ in try body(&value) }
        }
    }
#endif
