/// One value at a fixed address, read and written without the run-time exclusivity check that every
/// access to a property of a class costs (together half of the time a head takes to parse).
///
/// What the check would find cannot happen: the heads that hold a cell are not `Sendable`, and nothing
/// that a parser calls while it writes leads back to their owner. The owner calls `destroy` from its
/// `deinit`, once.
@safe
@usableFromInline
struct Cell<Value> {
    @usableFromInline let address: UnsafeMutablePointer<Value>

    init(_ value: consuming Value) {
        unsafe address = .allocate(capacity: 1)
        unsafe address.initialize(to: value)
    }

    /// The value in place.
    @inlinable var value: Value {
        @inline(__always) _read { yield unsafe address.pointee }
        @inline(__always) nonmutating _modify { yield unsafe &address.pointee }
    }

    /// Ends the life of the value.
    func destroy() {
        unsafe address.deinitialize(count: 1)
        unsafe address.deallocate()
    }
}
