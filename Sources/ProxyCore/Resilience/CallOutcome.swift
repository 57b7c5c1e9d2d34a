public import Telemetry

/// What one call says about the upstream's health.
public enum CallOutcome: Sendable, Hashable {
    /// It answered; `isSlow`: later than it should have.
    case success(isSlow: Bool)
    /// No connection: refused, unreachable, no such name, no TLS, or not in time.
    case connectFailure
    /// It broke off, ran out of time, broke the protocol, or said that it failed.
    case failure
    /// It says nothing: the client left, our own limits spoke, or the upstream asked for a pause.
    case ignored

    /// What an answer with this status means: 501 and 505 are about the request, all other 5xx about
    /// the upstream. 4xx are answers.
    public static func answer(status: UInt16, isSlow: Bool) -> CallOutcome {
        switch status {
        case 501, 505: .success(isSlow: isSlow)
        case 500...: .failure
        default: .success(isSlow: isSlow)
        }
    }

    /// What an attempt without a usable answer means. `isConnected`: there was a connection to send on.
    public static func error(_ reason: UpstreamErrorReason, isConnected: Bool) -> CallOutcome {
        switch reason {
        case .dns, .connect, .tls: .connectFailure
        case .timeout: isConnected ? .failure : .connectFailure
        case .reset, .protocol: .failure
        // Both are the proxy's own doing.
        case .poolFull, .canceled: .ignored
        }
    }
}
