internal import CHiredis

/// Finds replies in a stream of bytes, with hiredis' parser and within limits.
///
/// hiredis has no bound of its own on what it buffers: the bytes since the last complete reply are
/// counted here. Its own reply objects are not used; its callbacks build `Reply` values directly.
@safe final class ReplyReader {
    /// hiredis moves what is left in its buffer to the front after each consumed KiB: small portions keep
    /// that cheap.
    private static let portionBytesMax = 4 * 1024
    /// An empty buffer larger than this is given back.
    private static let idleBufferBytesMax = 64 * 1024

    private let reader: UnsafeMutablePointer<redisReader>?
    private let box: Box
    /// Bytes fed since the last complete reply.
    private var bytesOfReply = 0
    private(set) var violation: ReplyViolation?

    /// Where hiredis' callbacks put what they find.
    final class Box {
        var builder: ReplyBuilder
        init(_ limits: ReplyLimits) { builder = ReplyBuilder(limits) }
    }

    init(_ limits: ReplyLimits) {
        box = Box(limits)
        unsafe reader = redisReaderCreateWithFunctions(ReplyReader.functions)
        // Unretained: the reader is freed by our `deinit`, before the box is.
        unsafe reader?.pointee.privdata = Unmanaged.passUnretained(box).toOpaque()
        unsafe reader?.pointee.maxbuf = ReplyReader.idleBufferBytesMax
        if unsafe reader == nil { violation = .outOfMemory }
    }

    deinit { unsafe redisReaderFree(reader) }

    /// Takes bytes from the wire and calls `each` with every reply that they complete, until it returns
    /// false. The violation, if there is one, is final: it comes back from every later call.
    func feed(_ bytes: Span<UInt8>, _ each: (Reply) -> Bool) -> ReplyViolation? {
        var offset = 0
        while offset < bytes.count, violation == nil {
            let end = min(bytes.count, offset + ReplyReader.portionBytesMax)
            let portion = bytes.extracting(offset..<end)
            offset = end
            guard let reader = unsafe reader, store(portion) else {
                violation = .outOfMemory
                break
            }
            bytesOfReply += portion.count
            while let reply = next() {
                let unread = unsafe Int(reader.pointee.len - reader.pointee.pos)
                let replyBytes = bytesOfReply - unread
                bytesOfReply = unread
                if replyBytes > box.builder.limits.replyBytesMax {
                    violation = .tooLarge
                    break
                }
                if !each(reply) { return nil }
            }
            if violation == nil, bytesOfReply > box.builder.limits.replyBytesMax {
                violation = .tooLarge
            }
        }
        return violation
    }

    private func store(_ bytes: Span<UInt8>) -> Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return unsafe redisReaderFeed(reader, base, bytes.count) == REDIS_OK
        }
    }

    private func next() -> Reply? {
        var object: UnsafeMutableRawPointer?
        if unsafe redisReaderGetReply(reader, &object) == REDIS_OK { return box.builder.take() }
        // An object that our callback refused looks like want of memory to hiredis.
        violation =
            if let refused = box.builder.violation {
                refused
            } else {
                unsafe reader?.pointee.err == REDIS_ERR_OOM ? .outOfMemory : .malformed
            }
        return nil
    }
}

extension ReplyReader {
    /// hiredis wants an object for each part and never looks into it: any pointer but nil will do.
    private static var something: UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: 1)
    }

    /// Never changed and never freed: every reader points to it.
    nonisolated(unsafe) private static let functions = unsafe makeFunctions()

    private static func makeFunctions() -> UnsafeMutablePointer<redisReplyObjectFunctions> {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        unsafe functions.initialize(to: redisReplyObjectFunctions())
        unsafe functions.pointee.createString = { task, bytes, count in
            let bytes = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
            return unsafe ReplyReader.add(task) { type in
                switch type {
                case REDIS_REPLY_STATUS:
                    unsafe .status(String(decoding: bytes, as: UTF8.self))
                case REDIS_REPLY_ERROR:
                    unsafe .error(ServerError(String(decoding: bytes, as: UTF8.self)))
                default: unsafe .bulk(Array(bytes))
                }
            }
        }
        unsafe functions.pointee.createInteger = { task, number in
            unsafe ReplyReader.add(task) { _ in .integer(number) }
        }
        unsafe functions.pointee.createNil = { task in
            unsafe ReplyReader.add(task) { _ in .null }
        }
        unsafe functions.pointee.createArray = { task, count in
            guard let box = unsafe ReplyReader.box(task), box.builder.openArray(Int(count)) else {
                return nil
            }
            return unsafe ReplyReader.something
        }
        unsafe functions.pointee.freeObject = { _ in }
        return unsafe functions
    }

    private static func box(_ task: UnsafePointer<redisReadTask>?) -> Box? {
        guard let data = unsafe task?.pointee.privdata else { return nil }
        return unsafe Unmanaged<Box>.fromOpaque(data).takeUnretainedValue()
    }

    private static func add(
        _ task: UnsafePointer<redisReadTask>?, _ make: (Int32) -> Reply
    ) -> UnsafeMutableRawPointer? {
        guard let box = unsafe box(task), let type = unsafe task?.pointee.type else { return nil }
        box.builder.add(make(type))
        return unsafe something
    }
}
