internal import ProxyCore
internal import Telemetry
internal import Time

/// What a request knows about its attempts at the upstream. Part of a `ClientRequest`, reused with it.
struct AdmissionUse {
    /// Whether it ever came as far as its upstream.
    var isUsed = false
    /// The attempt that has not reported yet.
    var permit: AdmissionPermit?
    /// The attempt that has reported an answer, whose body may still break off.
    var answered: AdmissionPermit?
    /// Why the last attempt was not made, or that of the request whose fetch was waited for.
    var refusal: Refusal?
    /// The breaker's state at the last attempt.
    var breakerState: BreakerState?
    /// Whether the attempt has a connection.
    var isConnected = false
    /// Retries so far.
    var retries = 0
    /// Whether the answer that came is not used, but asked for again.
    var wantsRetry = false
    /// Whether the retry is paid for.
    var hasRetry = false
    /// When the client does not want the answer any more; it says so in the upstream's deadline field.
    var clientDeadline = Instant.never

    /// Forgets the last request.
    mutating func reset() {
        if isUsed { self = AdmissionUse() }
    }
}
