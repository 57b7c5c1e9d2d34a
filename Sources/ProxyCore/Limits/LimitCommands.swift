/// The commands of shared limits, each as its arguments. No more than bytes: who sends them is another matter.
public struct LimitCommands: Sendable {
    /// How the functions are called.
    public var form: SharedCommands.Form
    private let prefix: [UInt8]

    /// Commands about keys behind `prefix`.
    public init(prefix: [UInt8], form: SharedCommands.Form = .functions) {
        self.prefix = prefix
        self.form = form
    }

    /// Puts the questions of `batch`. The reply is for `replies`.
    public func lease(_ batch: LeaseBatch) -> [[UInt8]] {
        call("lease", batch.keys, batch.arguments.map { Array($0.utf8) })
    }

    /// Notes that the instance called `name` is there, for so long. The reply is the number of those that are.
    public func instances(name: [UInt8], keepMicroseconds: UInt64) -> [[UInt8]] {
        let key = prefix + "rl:{instances}".utf8
        return call("instances", [key], [name, Array(String(keepMicroseconds).utf8)])
    }

    /// Loads the functions. `FUNCTION LOAD` replaces what is there under the same name.
    public static var loadFunctions: [[UInt8]] {
        ["FUNCTION", "LOAD", "REPLACE", LimitLibrary.functions].map { Array($0.utf8) }
    }

    /// Loads the script. The reply is its hash, for `Form.script`.
    public static var loadScript: [[UInt8]] {
        ["SCRIPT", "LOAD", LimitLibrary.script].map { Array($0.utf8) }
    }

    /// The replies to `count` questions; nil if the integers are none.
    public static func replies(_ numbers: [Int64], count: Int) -> [LeaseReply]? {
        guard numbers.count == count * LeaseReply.numberCount else { return nil }
        var replies: [LeaseReply] = []
        for index in 0..<count {
            let start = index * LeaseReply.numberCount
            guard let reply = LeaseReply(numbers[start..<start + LeaseReply.numberCount]) else {
                return nil
            }
            replies.append(reply)
        }
        return replies
    }

    private func call(_ name: String, _ keys: [[UInt8]], _ arguments: [[UInt8]]) -> [[UInt8]] {
        let count = Array(String(keys.count).utf8)
        switch form {
        case .functions:
            let function = Array("\(LimitLibrary.name)_\(name)".utf8)
            return [Array("FCALL".utf8), function, count] + keys + arguments
        case .script(let hash):
            return [Array("EVALSHA".utf8), hash, count] + keys + arguments + [Array(name.utf8)]
        }
    }
}
