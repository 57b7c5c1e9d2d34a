internal import CCurl
public import EventLoop
internal import Glibc

/// What all upstream connections of one worker share: the loop, libcurl's caches, the receive buffer.
@safe public final class DialContext {
    /// The worker's loop.
    public let loop: Loop
    let share: OpaquePointerBox
    let receiveBuffer: UnsafeMutableRawBufferPointer

    /// `receiveBytesMax` is the most that one read takes from an upstream.
    public init(loop: Loop, receiveBytesMax: Int = 64 * 1024) {
        self.loop = loop
        // One thread uses the share, so libcurl needs no lock functions.
        share = OpaquePointerBox()
        unsafe receiveBuffer = .allocate(byteCount: receiveBytesMax, alignment: 64)
    }

    deinit { unsafe receiveBuffer.deallocate() }

    /// To be called once, before any other thread starts (libcurl's rule). Returns libcurl's version.
    public static func prepareProcess() -> String {
        ccurl_global_init()
        return unsafe String(cString: ccurl_version())
    }
}

/// Owns libcurl's share handle: DNS and TLS session caches.
@safe final class OpaquePointerBox {
    let handle: UnsafeMutableRawPointer?

    init() {
        unsafe handle = UnsafeMutableRawPointer(curl_share_init())
        unsafe ccurl_share(handle, CURL_LOCK_DATA_DNS)
        unsafe ccurl_share(handle, CURL_LOCK_DATA_SSL_SESSION)
    }

    deinit { unsafe curl_share_cleanup(handle) }
}
