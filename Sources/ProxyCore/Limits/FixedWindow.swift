internal import Time

/// Counts within windows that begin at multiples of the period. Three words: the window's number, its count.
extension RateMeter {
    func window(at now: Instant) -> UInt64 { now.nanoseconds / rate.periodNanoseconds }

    func checkFixed(
        _ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ now: Instant
    ) -> Quota {
        let current = window(at: now)
        if Self.wide(words, base) < current {
            Self.setWide(&words, base, current)
            words[base + 2] = 0
        }
        let end = (Self.wide(words, base) + 1) * rate.periodNanoseconds
        let left = rate.count - min(words[base + 2], rate.count)
        let reset = end - min(now.nanoseconds, end)
        return Quota(
            isAllowed: left >= cost, remaining: left, resetNanoseconds: reset,
            retryNanoseconds: left >= cost ? 0 : reset)
    }

    func spendFixed(_ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ now: Instant) {
        words[base + 2] &+= cost
    }

    func refundFixed(
        _ words: inout [UInt32], _ base: Int, _ cost: UInt32, _ chargedAt: Instant
    ) {
        // A window that has ended since has nothing to return to.
        guard Self.wide(words, base) == window(at: chargedAt) else { return }
        words[base + 2] -= min(words[base + 2], cost)
    }
}
