internal import Time

/// The generic cell rate algorithm (ITU-T I.371): the state is the time at which the bucket will be full
/// again, `tat`, and since when it has not been full. Two words each.
extension RateMeter {
    func checkBucket(
        _ words: [UInt32], _ base: Int, _ cost: UInt32, _ now: Instant
    ) -> Quota {
        let now = now.nanoseconds
        let debt = min(max(Self.wide(words, base), now) - now, depth)
        let room = UInt32(clamping: (depth - debt) / interval)
        let wanted = interval &* UInt64(cost)
        return Quota(
            isAllowed: room >= cost, remaining: room,
            resetNanoseconds: room >= cost ? debt &+ wanted : debt,
            retryNanoseconds: room >= cost ? 0 : debt &+ wanted &- depth)
    }

    func spendBucket(_ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ now: Instant) {
        let tat = max(Self.wide(words, base), now.nanoseconds)
        if tat == now.nanoseconds { Self.setWide(&words, base + 2, tat) }
        Self.setWide(&words, base, tat &+ interval &* UInt64(cost))
    }

    func refundBucket(
        _ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ chargedAt: Instant
    ) {
        // A bucket that has been full since has got back what was taken.
        let start = Self.wide(words, base + 2)
        guard chargedAt.nanoseconds >= start else { return }
        let tat = Self.wide(words, base)
        let left = tat - min(tat, interval &* UInt64(cost))
        Self.setWide(&words, base, min(tat, max(left, start)))
    }
}
