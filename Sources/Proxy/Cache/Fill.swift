internal import HTTP1
internal import ProxyCore

/// An answer on its way through that is collected to be stored.
final class Fill {
    let metadata: StoredMetadata
    let head: StoredHead
    private let budget: FillBudget
    private let bytesMax: Int
    private var taken = 0
    private(set) var body: [UInt8] = []
    /// Whether there was no room for all of it.
    private(set) var isAbandoned = false

    /// `length`: what Content-Length announces, to make room in one step.
    init(
        _ metadata: StoredMetadata, _ head: StoredHead, length: UInt64?, bytesMax: Int,
        _ budget: FillBudget
    ) {
        self.metadata = metadata
        self.head = head
        self.bytesMax = bytesMax
        self.budget = budget
        if let length, length <= UInt64(bytesMax), take(Int(length)) {
            body.reserveCapacity(Int(length))
        }
    }

    deinit { giveBack() }

    /// The content is whole and about to be stored, where it is counted: gives the budget back.
    func finish() -> [UInt8] {
        giveBack()
        return body
    }

    private func giveBack() {
        budget.giveBack(taken)
        taken = 0
    }

    private func take(_ count: Int) -> Bool {
        guard budget.take(count) else { return false }
        taken += count
        return true
    }

    /// Adds bytes of the content. If there is no room for them, all of it is given up, and what was there
    /// before is returned, once.
    @discardableResult
    func append(_ bytes: Span<UInt8>) -> [UInt8]? {
        if isAbandoned { return nil }
        guard makeRoom(for: body.count + bytes.count) else {
            isAbandoned = true
            var content: [UInt8] = []
            swap(&content, &body)
            giveBack()
            return content
        }
        body.append(copying: bytes)
        return nil
    }

    /// Takes as much again as there is, as the array does when it grows, or what is needed at least.
    private func makeRoom(for needed: Int) -> Bool {
        if needed > bytesMax { return false }
        if needed <= taken { return true }
        let missing = needed - taken
        return take(max(missing, min(taken, bytesMax - taken))) || take(missing)
    }
}
