/// The two queues of S3-FIFO, and who has to go.
extension EvictingTable {
    /// Where the count of uses stops.
    static var usesMax: UInt8 { 3 }

    /// Entries that one call moves on at most before it evicts whatever comes next. Bounds the time for
    /// which a lock is held when everything was used since the last eviction; costs one in 257 then.
    static var chancesMax: Int { 256 }

    /// Evicts until `needed` bytes fit.
    mutating func makeRoom(for needed: Int, _ evicted: inout [Evicted<Value>]) {
        var chances = 0
        // More than `bytesMax` is charged only if there are entries: a queue to take from is not empty.
        while bytes + needed > bytesMax {
            let isSmall = smallBytes > bytesMax / 10 || isEmpty(.main)
            let slot = oldest(isSmall ? .small : .main)
            let uses = nodes[slot].uses
            if uses > (isSmall ? 1 : 0), chances < Self.chancesMax {
                chances += 1
                unlink(slot)
                nodes[slot].uses = isSmall ? 0 : uses - 1
                link(slot, .main)
                continue
            }
            if isSmall { ghosts.insert(nodes[slot].hash, count: count) }
            evicted.append(evict(slot, .capacity))
        }
    }

    /// Charges `bytes` for the entry in `slot` from now on; it becomes the newest of its queue, and the
    /// one for which room is made is never the one that goes.
    mutating func recharge(_ slot: Int, _ bytes: Int, _ evicted: inout [Evicted<Value>]) {
        let queue = nodes[slot].queue
        unlink(slot)
        self.bytes -= nodes[slot].bytes
        makeRoom(for: bytes, &evicted)
        self.bytes += bytes
        nodes[slot].bytes = bytes
        link(slot, queue)
    }

    /// Takes the entry in `slot` out of everything.
    mutating func evict(_ slot: Int, _ reason: EvictionReason) -> Evicted<Value> {
        index.remove(slot, hash: nodes[slot].hash)
        return takeOut(slot, reason)
    }

    /// Takes the entry in `slot`, which the index does not know any more, out of its queue.
    mutating func takeOut(_ slot: Int, _ reason: EvictionReason) -> Evicted<Value> {
        guard let value = nodes[slot].value.take() else {
            preconditionFailure("slot \(slot) is free")
        }
        unlink(slot)
        let evicted = Evicted(
            value: value, key: nodes[slot].key, bytes: nodes[slot].bytes, reason: reason)
        bytes -= evicted.bytes
        nodes[slot] = Node(older: free)
        free = Int32(slot)
        return evicted
    }

    /// A free slot, its node as new.
    mutating func allocate() -> Int {
        guard free != 0 else {
            nodes.append(Node())
            return nodes.count - 1
        }
        let slot = Int(free)
        free = nodes[slot].older
        return slot
    }

    /// Makes the entry in `slot` the newest of `queue`.
    mutating func link(_ slot: Int, _ queue: Queue) {
        let end = Int(queue.rawValue)
        let second = nodes[end].older
        nodes[slot].older = second
        nodes[slot].newer = queue.rawValue
        nodes[slot].queue = queue
        nodes[Int(second)].newer = Int32(slot)
        nodes[end].older = Int32(slot)
        if queue == .small { smallBytes += nodes[slot].bytes }
    }

    private mutating func unlink(_ slot: Int) {
        let node = (older: nodes[slot].older, newer: nodes[slot].newer)
        nodes[Int(node.older)].newer = node.newer
        nodes[Int(node.newer)].older = node.older
        if nodes[slot].queue == .small { smallBytes -= nodes[slot].bytes }
    }

    private func oldest(_ queue: Queue) -> Int { Int(nodes[Int(queue.rawValue)].newer) }

    private func isEmpty(_ queue: Queue) -> Bool { oldest(queue) == Int(queue.rawValue) }
}
