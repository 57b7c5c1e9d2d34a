public import Telemetry

/// A reply of Redis, in the shapes of RESP2.
public enum SharedReply: Sendable, Equatable {
    /// Nothing.
    case null
    /// A number.
    case integer(Int64)
    /// Bytes.
    case bytes([UInt8])
    /// A word that is no error.
    case status([UInt8])
    /// An error.
    case error([UInt8])
    /// Several.
    case array([SharedReply])
}

/// Why a reply is of no use, and what to do.
public enum SharedFault: Error, Sendable, Equatable {
    /// The functions are not there: `SharedCommands.loadFunctions`, and again.
    case functionMissing
    /// The script is not there: `SharedCommands.loadScript`, and again.
    case scriptMissing
    /// This server has no functions, or this user may not use them: call as a script.
    case functionsUnsupported
    /// The server is not the master, or not fit to be it: find out which one is.
    case notMaster
    /// There is no memory left: fill nothing.
    case outOfMemory
    /// The user may not, or is not the user.
    case denied
    /// Any other error: do without.
    case refused
    /// It is not the reply to this command: close the connection.
    case malformed

    /// The word under which it is counted.
    public var reason: RedisErrorReason {
        switch self {
        case .functionMissing, .scriptMissing, .functionsUnsupported: .function
        case .notMaster: .notMaster
        case .outOfMemory: .outOfMemory
        case .denied: .denied
        case .refused: .reply
        case .malformed: .protocol
        }
    }

    /// The fault that an error reply tells.
    public init(error text: [UInt8]) {
        // The code is the first word; what a script ran into is in the text.
        func begins(_ code: String) -> Bool { text.starts(with: code.utf8) }
        func has(_ words: String) -> Bool { text.span.hasRun(Array(words.utf8)) }
        if has("Function not found") {
            self = .functionMissing
        } else if begins("NOSCRIPT") {
            self = .scriptMissing
        } else if has("unknown command"), has("FCALL") || has("FUNCTION") {
            self = .functionsUnsupported
        } else if begins("NOPERM"), has("fcall") || has("function") {
            self = .functionsUnsupported
        } else if ["READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS"].contains(where: begins)
            || has("-READONLY") || has("-NOREPLICAS")
        {
            self = .notMaster
        } else if begins("OOM") || has("-OOM") {
            self = .outOfMemory
        } else if ["NOAUTH", "NOPERM", "WRONGPASS"].contains(where: begins) {
            self = .denied
        } else {
            self = .refused
        }
    }
}

extension Span where Element == UInt8 {
    /// Whether `run` is somewhere within, letters of either case being equal.
    fileprivate func hasRun(_ run: [UInt8]) -> Bool {
        guard run.count <= count else { return false }
        for start in 0...(count - run.count) {
            var index = 0
            while index < run.count, self[start + index] | 0x20 == run[index] | 0x20 { index += 1 }
            if index == run.count { return true }
        }
        return false
    }
}
