/// What many simulations came to.
struct Report: Sendable {
    var seeds = 0
    var faults: [Fault: Int] = [:]
    var transitions: Set<String> = []
    var counts: [String: Int] = [:]
    /// Seeds in which something was wrong, with what it was.
    var violations: [UInt64: String] = [:]

    /// Runs one seed.
    mutating func add(seed: UInt64, flaws: Flaws = []) {
        let simulation = Simulation(seed: seed, flaws: flaws)
        let violation = simulation.run()
        seeds += 1
        faults.merge(simulation.faults, uniquingKeysWith: +)
        counts.merge(simulation.judge.counts, uniquingKeysWith: +)
        for instance in simulation.instances { transitions.formUnion(instance.transitions) }
        if let violation { violations[seed] = violation }
    }

    mutating func add(_ other: Report) {
        seeds += other.seeds
        faults.merge(other.faults, uniquingKeysWith: +)
        transitions.formUnion(other.transitions)
        counts.merge(other.counts, uniquingKeysWith: +)
        violations.merge(other.violations) { first, _ in first }
    }

    /// Runs all these seeds, on all processors.
    static func of(_ seeds: Range<UInt64>, processors: Int) async -> Report {
        await withTaskGroup(of: Report.self) { group in
            for first in 0..<UInt64(processors) {
                group.addTask {
                    var report = Report()
                    for seed in stride(
                        from: seeds.lowerBound + first, to: seeds.upperBound,
                        by: UInt64.Stride(processors))
                    {
                        report.add(seed: seed)
                    }
                    return report
                }
            }
            var sum = Report()
            for await report in group { sum.add(report) }
            return sum
        }
    }

    /// For people.
    var text: String {
        let faults = faults.map { "\($0.key.rawValue) \($0.value)" }.sorted()
        let counts = counts.map { "\($0.key) \($0.value)" }.sorted()
        return """
            \(seeds) seeds
            faults: \(faults.joined(separator: ", "))
            what happened: \(counts.joined(separator: ", "))
            transitions: \(transitions.sorted().joined(separator: ", "))
            """
    }
}
