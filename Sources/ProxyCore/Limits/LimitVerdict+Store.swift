/// What a rule says whose counts are in the shared store.
extension LimitVerdict {
    /// The store is out of reach, and the rule allows everything then.
    public static func open(_ variant: LimitVariant) -> LimitVerdict {
        var verdict = LimitVerdict()
        verdict.remaining = variant.meters.first?.limit ?? 0
        verdict.resetNanoseconds = second
        return verdict
    }

    /// The store is out of reach, and the rule refuses everything then.
    public static func closed() -> LimitVerdict {
        var verdict = LimitVerdict()
        verdict.isAllowed = false
        verdict.remaining = 0
        verdict.resetNanoseconds = second
        verdict.retryNanoseconds = second
        return verdict
    }

    /// The same, with what is counted here alone: penalties and rates on trial. `isBinding`: what is counted here has
    /// to allow it as well.
    public func with(local: LimitVerdict, isBinding: Bool = false) -> LimitVerdict {
        var verdict = self
        verdict.isCandidateAllowed = local.isCandidateAllowed
        if local.isPenalized || isBinding && !local.isAllowed {
            verdict.isAllowed = false
            verdict.isPenalized = local.isPenalized
            if isBinding, !local.isAllowed { verdict.remaining = 0 }
            verdict.retryNanoseconds = max(verdict.retryNanoseconds, local.retryNanoseconds)
        }
        return verdict
    }
}

extension LimitRule {
    /// Whether its rates are counted for all instances together where there is a store.
    public var isShared: Bool { scope == .shared && !isShadow }
}

extension LimitPlan {
    /// What a request of `cost` takes of this instance's share, one of `instances`, while each counts for itself: so
    /// much of the whole rate, at most all of it.
    public func localCost(_ cost: UInt32, variant: Int, instances: Int) -> UInt32 {
        let all = variants[variant].meters.map(\.limit).min() ?? cost
        let share = UInt64(cost) * UInt64(max(1, instances))
        return max(cost, UInt32(min(share, UInt64(all), UInt64(RateMeter.entryCountMax))))
    }
}
