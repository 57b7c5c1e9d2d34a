internal import Synchronization

/// Bytes of answers that are being collected for the cache, bounded for the instance as a whole.
final class FillBudget: Sendable {
    private let bytesMax: Int
    private let taken = Atomic<Int>(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes taken now.
    var used: Int { taken.load(ordering: .relaxed) }

    /// Takes `count` bytes; false, and nothing taken, if there are not as many.
    func take(_ count: Int) -> Bool {
        if taken.add(count, ordering: .relaxed).newValue <= bytesMax { return true }
        giveBack(count)
        return false
    }

    /// Gives back what was taken.
    func giveBack(_ count: Int) { taken.subtract(count, ordering: .relaxed) }
}
