import Foundation
import ProxyCore
import Redis
import Testing

/// What the environment asks for.
private enum Wish {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    /// How many seeds.
    static let seeds = number("MELIPROXY_SIMULATION_SEEDS") ?? 150
    /// The one seed to be run again, with its trace.
    static let seed = number("MELIPROXY_SIMULATION_SEED")
    static let processors = min(ProcessInfo.processInfo.activeProcessorCount, 8)
}

/// The last lines of what happened in a seed, and what was wrong.
private func story(_ seed: UInt64, flaws: Flaws = []) -> String? {
    let simulation = Simulation(seed: seed, flaws: flaws, isTracing: true)
    guard let violation = simulation.run() else { return nil }
    return simulation.world.trace.suffix(250).joined(separator: "\n")
        + "\nseed \(seed): \(violation)"
}

@Suite("A cluster with faults, simulated")
struct SimulationTests {
    /// Every transition that the machines have, but those into and out of what the simulation leaves out.
    static let declared: Set<String> = [
        "coherence off>connecting",
        "coherence connecting>awaiting", "coherence connecting>off",
        "coherence awaiting>live", "coherence awaiting>connecting", "coherence awaiting>off",
        "coherence live>silent", "coherence live>connecting", "coherence live>off",
        "coherence silent>live", "coherence silent>connecting", "coherence silent>off",
        "lease idle>asked", "lease asked>leased", "lease asked>waiting", "lease asked>unleased",
        "lease asked>done", "lease waiting>asked", "lease waiting>unleased", "lease leased>done",
        "lease leased>renewing", "lease renewing>leased", "lease renewing>done",
        "lease unleased>done",
    ]

    @Test(
        "every invariant holds in every seed, and in the end all agree",
        .enabled(if: Wish.seed == nil))
    func holds() async throws {
        let report = await Report.of(0..<Wish.seeds, processors: Wish.processors)
        for (seed, violation) in report.violations.sorted(by: { $0.key < $1.key }).prefix(5) {
            Issue.record("seed \(seed): \(violation)")
        }
        if let first = report.violations.keys.min() {
            Issue.record("\(story(first) ?? "seed \(first) does not repeat itself")")
        }
        // A run of few seeds cannot have seen everything.
        guard Wish.seeds >= 150, report.violations.isEmpty else { return }
        #expect(report.transitions == Self.declared, "\(report.text)")
        for fault in Fault.allCases {
            #expect(report.faults[fault, default: 0] > 5, "\(fault): \(report.text)")
        }
        for cause in PublicationCause.allCases where cause != .address {
            #expect(report.counts["publication \(cause.rawValue)", default: 0] > 10, "\(cause)")
        }
        for reason in NotLiveReason.allCases where reason != .off {
            #expect(report.counts["not live \(reason.rawValue)", default: 0] > 10, "\(reason)")
        }
        for name in ["hits", "fills", "purges", "writes", "replays", "renewals"] {
            // 500 in 200 seeds, and as many in proportion.
            #expect(report.counts[name, default: 0] > report.seeds * 5 / 2, "\(name)")
        }
        if ProcessInfo.processInfo.environment["MELIPROXY_SIMULATION_REPORT"] != nil {
            try Data(report.text.utf8).write(to: URL(filePath: "simulation-report.txt"))
        }
    }

    @Test("one seed again", .enabled(if: Wish.seed != nil)) func again() throws {
        let seed = try #require(Wish.seed)
        if let story = story(seed) { Issue.record("\(story)") }
    }

    @Test("a seed is the same every time", arguments: [1, 7] as [UInt64])
    func deterministic(seed: UInt64) {
        let traces = (0..<2).map { _ in
            let simulation = Simulation(seed: seed, isTracing: true)
            _ = simulation.run()
            return simulation.world.trace
        }
        #expect(traces[0] == traces[1])
        #expect(traces[0].count > 20)
    }
}

@Suite("A simulation that has ended")
struct EndTests {
    private struct Traces {
        weak var simulation: Simulation?
        weak var world: World?
        weak var judge: Judge?
        var processes: [() -> Process?] = []

        /// What is still there.
        var left: Int {
            processes.count { $0() != nil }
                + [simulation, world, judge as AnyObject?].count { $0 != nil }
        }
    }

    /// Runs a seed and lets go of it.
    private func run(_ seed: UInt64, _ flaws: Flaws) -> (traces: Traces, isWrong: Bool) {
        let simulation = Simulation(seed: seed, flaws: flaws)
        let isWrong = simulation.run() != nil
        var traces = Traces(
            simulation: simulation, world: simulation.world, judge: simulation.judge)
        let processes = simulation.nodes as [Process] + simulation.sentinels + simulation.instances
        traces.processes = processes.map { process in { [weak process] in process } }
        return (traces, isWrong)
    }

    @Test("leaves nothing behind, whether it came to its end or was broken off")
    func freed() {
        // Of the second ones some end while a process is stopped or the links are cut.
        let fine = (0..<5).map { run($0, []) }
        let wrong = (0..<20).map { run($0, .servesUnproved) }
        #expect(!fine.contains(where: \.isWrong) && wrong.contains(where: \.isWrong))
        for end in fine + wrong { #expect(end.traces.left == 0) }
    }
}

@Suite("Mistakes made on purpose")
struct FlawTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        let flaw: Flaws
        /// What is said when it is found.
        let verdict: String

        init(_ name: String, _ flaw: Flaws, _ verdict: String) {
            self.name = name
            self.flaw = flaw
            self.verdict = verdict
        }

        var testDescription: String { name }
    }

    static let all: [Mistake] = [
        .init("no flush before live", .noFlushBeforeLive, "changed"),
        .init("a run is known by its address alone", .noRunIdentity, "what another master had"),
        .init("whoever says master is followed", .mereMasters, "nobody promoted it"),
        .init("fills without token", .fillsWithoutToken, "without its lease"),
        .init(
            "invalidations leave placeholders alone", .fillsIgnoreInvalidations,
            "of whose end it was told"),
        .init("connections of old generations are kept", .keepsOldConnections, "of generation"),
        .init("purges are not replayed", .noReplay, "came back after"),
        .init("heartbeats are believed when sent", .fakesHeartbeats, "its last heartbeat"),
        .init("served whether or not proved", .servesUnproved, "its last heartbeat"),
        .init("one Sentinel is the majority", .oneSentinelIsAll, "1 named it"),
        .init("invalidations are ignored", .ignoresInvalidations, "changed"),
        .init(
            "another master is no reason to listen anew", .ignoresGenerations,
            "what another master had"),
    ]

    /// Seeds that may be tried. Most mistakes are found within ten, all within fifty.
    static let seedsMax: UInt64 = 300

    @Test("are found, for what they are", arguments: all) func found(mistake: Mistake) {
        for seed in 0..<Self.seedsMax {
            let simulation = Simulation(seed: seed, flaws: mistake.flaw)
            if simulation.run()?.contains(mistake.verdict) == true { return }
        }
        Issue.record("not found in \(Self.seedsMax) seeds")
    }
}
