/// Keeps an answer of the shared cache out of memory if the key was written while the answer was on its
/// way: answer and invalidation come by two connections, and the answer may be the older one.
///
/// `begin` before the GET is sent leaves a placeholder, an invalidation deletes it, and an answer whose
/// placeholder is gone is served, and not kept. Bounded: above `pendingMax` the oldest placeholder goes, so that a
/// caller that forgot to finish costs nothing but hits.
public struct FillGuard: Sendable {
    /// One GET.
    public struct Placeholder: Sendable, Equatable {
        let key: [UInt8]
        let sequence: UInt64
    }

    /// Placeholders at once.
    public let pendingMax: Int
    /// Answers that were not kept, and why.
    public private(set) var refusals: [Refusal: UInt64] = [:]

    private var pending: [[UInt8]: UInt64] = [:]
    /// In the order of their sequences; those that `pending` does not confirm are gone.
    private var order: [Placeholder] = []
    private var sequence: UInt64 = 0
    private var flushedAt: UInt64 = 0
    private var crowdedOutAt: UInt64 = 0

    /// Why an answer is not kept.
    public enum Refusal: String, Sendable, CaseIterable {
        /// The key was written.
        case invalidated
        /// Everything was to be dropped.
        case flushed
        /// A later GET of the same key took the place.
        case superseded
        /// Too many were on their way.
        case crowdedOut = "crowded_out"
    }

    /// No GET is on its way.
    public init(pendingMax: Int) { self.pendingMax = max(pendingMax, 1) }

    /// Placeholders that are there now.
    public var count: Int { pending.count }

    /// Before the GET of `key` is sent. A later one for the same key takes its place.
    public mutating func begin(_ key: [UInt8]) -> Placeholder {
        sequence += 1
        let placeholder = Placeholder(key: key, sequence: sequence)
        pending[key] = sequence
        order.append(placeholder)
        if pending.count > pendingMax { dropOldest() }
        if order.count > pendingMax * 2 { order.removeAll { pending[$0.key] != $0.sequence } }
        return placeholder
    }

    /// The key was written.
    public mutating func invalidate(_ key: [UInt8]) { pending.removeValue(forKey: key) }

    /// Everything may have been written.
    public mutating func flush() {
        pending.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
        flushedAt = sequence
    }

    /// The answer is there, or there will be none. True if it may be kept.
    public mutating func finish(_ placeholder: Placeholder) -> Bool {
        let present = pending[placeholder.key]
        if present == placeholder.sequence {
            pending.removeValue(forKey: placeholder.key)
            return true
        }
        refusals[refusal(placeholder, present), default: 0] += 1
        return false
    }

    private func refusal(_ placeholder: Placeholder, _ present: UInt64?) -> Refusal {
        if placeholder.sequence <= flushedAt { return .flushed }
        if present != nil { return .superseded }
        return placeholder.sequence <= crowdedOutAt ? .crowdedOut : .invalidated
    }

    private mutating func dropOldest() {
        guard let index = order.firstIndex(where: { pending[$0.key] == $0.sequence }) else {
            return
        }
        let oldest = order[index]
        pending.removeValue(forKey: oldest.key)
        crowdedOutAt = oldest.sequence
        order.removeFirst(index + 1)
    }
}
