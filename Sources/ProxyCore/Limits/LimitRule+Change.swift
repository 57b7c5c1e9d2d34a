extension LimitRule {
    /// Takes other rates at run time; what is not given stays. The rule's algorithm does not change.
    public mutating func change(rate: String?, burst: String?) throws(TextProblem) {
        guard rate != nil || burst != nil else {
            throw TextProblem("expected the parameter rate, such as rate=1000/1m")
        }
        var rates = rate == nil ? self.rates : try Rate.list(rate ?? "")
        var next = self.rates.first?.burst
        if let burst {
            guard algorithm == .tokenBucket else {
                throw TextProblem("expected burst only for a token_bucket")
            }
            next = UInt32(try Parse.number(1...Int(Rate.countMax))(burst))
        }
        if algorithm == .tokenBucket {
            guard rates.count == 1 else {
                throw TextProblem("expected one rate beside burst, found \(rates.count)")
            }
            rates[0].burst = next
        }
        let costs = [cost] + overrides.compactMap(\.cost)
        let least = rates.map { $0.burst ?? $0.count }.min() ?? 0
        guard let most = costs.max(), most <= least else {
            throw TextProblem("expected at least the rule's cost, found \(least)")
        }
        self.rates = rates
    }
}
