public import Telemetry

/// Why an attempt at an upstream brought no answer, or no whole one.
public struct UpstreamFailure: Error, Sendable {
    /// The word for metric and log.
    public let reason: UpstreamErrorReason
    /// A few words more for the log; never sent to a client.
    public let detail: String

    /// A failure with its word and its detail.
    public init(_ reason: UpstreamErrorReason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

/// Lets whoever waits for an upstream be woken because nobody wants the answer any more.
///
/// One per client connection. Each step that may wait names itself as `target` while it does.
public final class Interrupt {
    /// Set once: every later step gives up before it starts.
    public private(set) var isRaised = false
    var target: (any Interruptible)?

    /// Not raised.
    public init() {}

    /// Wakes the step that waits, if any, with `canceled`.
    public func raise() {
        isRaised = true
        target?.interrupt()
    }

    /// Makes the interrupt usable for the connection's next request.
    public func reset() {
        isRaised = false
        target = nil
    }
}

/// A step that can be told to give up.
protocol Interruptible: AnyObject {
    func interrupt()
}

/// Why a task that waited on an upstream goes on.
enum Wake: Sendable {
    /// What was waited for may have happened: look again.
    case ready
    /// The deadline came first.
    case deadline
    /// Nobody wants the result any more.
    case interrupted
}
