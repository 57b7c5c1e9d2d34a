internal import CUV

/// A refusal of the operating system, in words: which step failed and why.
public struct LoopError: Error, Sendable, CustomStringConvertible {
    /// What was tried, e.g. `listen on 127.0.0.1:8080`.
    public let step: String
    /// The negated errno, as libuv numbers it.
    public let code: Int32

    /// One line: the step, then the operating system's words.
    public var description: String {
        guard let text = unsafe uv_strerror(code) else { return step }
        return unsafe "\(step): \(String(cString: text))"
    }

    static func check(_ code: Int32, _ step: @autoclosure () -> String) throws(LoopError) {
        if code < 0 { throw LoopError(step: step(), code: code) }
    }
}
