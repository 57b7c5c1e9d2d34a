/// A first-in first-out queue that, once it has grown, does not allocate.
struct Ring<Element> {
    private var slots: [Element?] = [nil, nil, nil, nil, nil, nil, nil, nil]
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[(head + count) & (slots.count - 1)] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        if count == 0 { return nil }
        // `take` leaves nothing behind that would keep an element alive.
        let element = slots[head].take()
        head = (head + 1) & (slots.count - 1)
        count -= 1
        return element
    }

    /// Calls `body` with each element, oldest first.
    func forEach(_ body: (Element) -> Void) {
        for index in 0..<count {
            if let element = slots[(head + index) & (slots.count - 1)] { body(element) }
        }
    }

    /// The number of slots stays a power of two.
    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(slots.count * 2)
        for index in 0..<count { larger.append(slots[(head + index) & (slots.count - 1)]) }
        larger.append(contentsOf: repeatElement(nil, count: slots.count * 2 - count))
        slots = larger
        head = 0
    }
}
