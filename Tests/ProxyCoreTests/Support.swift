import ProxyCore
import Testing

/// A small generator with a seed, so that a failing run can be repeated (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// One row of a table: an input, and what it should give.
struct Row<Input: Sendable, Output: Sendable>: Sendable, CustomTestStringConvertible {
    let input: Input
    let output: Output

    init(_ input: Input, _ output: Output) {
        self.input = input
        self.output = output
    }

    var testDescription: String { "\(input)" }
}

/// The message of the problem that `body` throws; nil if it throws none.
func message<T>(_ body: () throws(TextProblem) -> T) -> String? {
    do throws(TextProblem) {
        _ = try body()
        return nil
    } catch {
        return error.message
    }
}

/// The settings of a text that must be valid.
func load(
    _ yaml: String, environment: [String: String] = [:], overrides: Overrides = Overrides()
) throws(SettingsProblems) -> Settings {
    try SettingsLoader.load(
        yaml: yaml, file: "f", environment: environment, overrides: overrides
    ).get()
}

/// The problems of a text, one line each; empty if there are none.
func problems(
    _ yaml: String, environment: [String: String] = [:], overrides: Overrides = Overrides()
) -> [String] {
    do throws(SettingsProblems) {
        _ = try load(yaml, environment: environment, overrides: overrides)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}
