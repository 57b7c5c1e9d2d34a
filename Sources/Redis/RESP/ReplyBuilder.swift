/// Puts a reply together from its parts in the order in which they are on the wire.
struct ReplyBuilder {
    private struct Frame {
        var missing: Int
        var elements: [Reply]
    }

    /// So that a promise of many elements reserves memory for a few only.
    private static let reservedElementsMax = 256

    let limits: ReplyLimits
    private var frames: [Frame] = []
    private var elementCount = 0
    private var finished: Reply?
    /// Set by the first part that breaks a limit.
    private(set) var violation: ReplyViolation?

    init(_ limits: ReplyLimits) { self.limits = limits }

    /// The next part is a value of its own.
    mutating func add(_ value: Reply) {
        var value = value
        while let last = frames.indices.last {
            frames[last].elements.append(value)
            frames[last].missing -= 1
            if frames[last].missing > 0 { return }
            value = .array(frames.removeLast().elements)
        }
        finished = value
        elementCount = 0
    }

    /// The next `count` parts are the elements of an array; false if that breaks a limit.
    mutating func openArray(_ count: Int) -> Bool {
        if frames.count >= limits.replyDepthMax { return refuse(.tooDeep) }
        // `count` is at most what an Int32 holds: no overflow.
        elementCount += count
        if count < 0 || elementCount > limits.replyElementsMax { return refuse(.tooManyElements) }
        if count == 0 {
            add(.array([]))
        } else {
            var elements: [Reply] = []
            elements.reserveCapacity(min(count, Self.reservedElementsMax))
            frames.append(Frame(missing: count, elements: elements))
        }
        return true
    }

    private mutating func refuse(_ violation: ReplyViolation) -> Bool {
        self.violation = self.violation ?? violation
        return false
    }

    /// The reply that the last part completed.
    mutating func take() -> Reply? {
        defer { finished = nil }
        return finished
    }
}
