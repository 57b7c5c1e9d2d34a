internal import EventLoop
internal import ProxyCore
internal import Telemetry
internal import Time

// How a connection ends without losing what was written to it.

extension ClientConnection {
    /// Closes in two steps (RFC 9112 §9.6): first our side, behind all that was written, so that the client
    /// gets the answer even when it is still sending; then, when it has closed too or after a while, all.
    func linger(_ reason: ConnectionCloseReason) {
        closeReason = reason
        inbound = []
        phase = .lingering
        deadlines.clear()
        finishWriting()
        if !inputEnded { startReading() }
        if pendingBytes == 0 { return lingerFlushed() }
        watchLingeringWrites()
    }

    func lingerFlushed() {
        deadlines.stall = .never
        if inputEnded { return end(closeReason) }
        arm(.lingering, in: limits.lingeringTimeoutNanoseconds)
    }

    private func watchLingeringWrites() {
        pendingAtLastCheck = pendingBytes
        arm(.stall, in: limits.writeStallTimeoutNanoseconds)
    }

    func lingeringStalled() {
        deadlines.stall = .never
        if pendingBytes >= pendingAtLastCheck { return end(.writeTimeout) }
        watchLingeringWrites()
    }

    /// Closes, behind whatever part of earlier answers the client has not taken yet.
    func finish(_ reason: ConnectionCloseReason) {
        if pendingBytes > 0 { linger(reason) } else { end(reason) }
    }
}
