/// What the fields of one head say about framing and connection, gathered in one pass and before
/// anything is decided. Syntax of single fields is judged by the rules that need it.
struct HeadFacts {
    var hostCount = 0
    var host = ByteRange.empty
    var contentLengthCount = 0
    var contentLength = ByteRange.empty
    var maxForwardsCount = 0
    var maxForwards = ByteRange.empty
    /// Members of all Transfer-Encoding fields, in order.
    var codings = TransferCodings()
    var hasTransferEncoding = false
    /// RFC 9110 §10.1.1: whether every expectation is "100-continue".
    var expectsOnlyContinue = true
    var hasExpect = false
    var saysClose = false
    var saysKeepAlive = false
    var nominatesFields = false

    private static let interesting =
        FieldName.host.bit | FieldName.contentLength.bit | FieldName.transferEncoding.bit
        | FieldName.connection.bit | FieldName.expect.bit | FieldName.maxForwards.bit

    /// Reads `fields`, whose known names are the bits of `seen`.
    @inline(__always)
    init(_ bytes: Span<UInt8>, _ fields: [Field], seen: UInt64) throws(Rejection) {
        guard seen & Self.interesting != 0 else { return }
        for index in fields.indices where fields[index].known.bit & Self.interesting != 0 {
            note(bytes, fields[index])
        }
    }

    private mutating func note(_ bytes: Span<UInt8>, _ field: Field) {
        switch field.known {
        case .host:
            hostCount &+= 1
            host = field.value
        case .contentLength:
            contentLengthCount &+= 1
            contentLength = field.value
        case .transferEncoding:
            hasTransferEncoding = true
            codings.add(bytes, field.value)
        case .maxForwards:
            maxForwardsCount &+= 1
            maxForwards = field.value
        case .expect:
            noteExpect(bytes, field.value)
        case .connection:
            noteConnection(bytes, field.value)
        default:
            break
        }
    }

    private mutating func noteExpect(_ bytes: Span<UInt8>, _ value: ByteRange) {
        hasExpect = true
        var members = ListIterator(value)
        var count = 0
        while let member = members.next(in: bytes) {
            count &+= 1
            if !bytes.equalsIgnoringCase(member, "100-continue") { expectsOnlyContinue = false }
        }
        if count == 0 { expectsOnlyContinue = false }
    }

    private mutating func noteConnection(_ bytes: Span<UInt8>, _ value: ByteRange) {
        var options = ListIterator(value)
        while let option = options.next(in: bytes) {
            if bytes.equalsIgnoringCase(option, "keep-alive") {
                saysKeepAlive = true
            } else if bytes.equalsIgnoringCase(option, "close") {
                saysClose = true
            } else {
                nominatesFields = true
            }
        }
    }

    /// RFC 9112 §9.3: 1.1 persists unless told otherwise, 1.0 only when told to; "close" wins.
    func isPersistent(_ version: Version) -> Bool {
        !saysClose && (version == .http11 || saysKeepAlive)
    }
}

/// The transfer codings of one message (RFC 9112 §6.1, §7), as far as framing depends on them.
struct TransferCodings {
    private var count = 0
    private var chunkedCount = 0
    private var isChunkedLast = false
    private var isMalformed = false

    /// Adds the members of one field value.
    mutating func add(_ bytes: Span<UInt8>, _ value: ByteRange) {
        var members = ListIterator(value)
        while let member = members.next(in: bytes) {
            count &+= 1
            isChunkedLast = bytes.equalsIgnoringCase(member, "chunked")
            if isChunkedLast {
                chunkedCount &+= 1
            } else {
                noteOther(bytes, member)
            }
        }
        // Recipients differ in what they make of `, chunked`: no guess where framing is at stake.
        if members.sawEmptyMember || value.isEmpty { isMalformed = true }
    }

    /// Throws unless "chunked" is the only coding, once.
    func requireChunked() throws(Rejection) {
        if isMalformed || count == 0 { throw .invalidTransferEncoding }
        if chunkedCount > 1 || (chunkedCount == 1 && !isChunkedLast) { throw .chunkedNotLast }
        if count > 1 || chunkedCount == 0 { throw .unknownTransferCoding }
    }

    private mutating func noteOther(_ bytes: Span<UInt8>, _ member: ByteRange) {
        let end = bytes.endOfToken(from: member.lowerBound, limit: member.upperBound)
        let name = ByteRange(member.lowerBound, end)
        // A coding may have parameters, but "chunked" defines none, and RFC 9112 §7.1 calls their
        // presence an error: 400 rather than 501, since the coding itself is known.
        let hasParameters = bytes.trimmingBlanks(ByteRange(end, member.upperBound)).count > 0
        if name.isEmpty || (hasParameters && !startsParameters(bytes, end, member.upperBound))
            || (hasParameters && bytes.equalsIgnoringCase(name, "chunked"))
        {
            isMalformed = true
        }
    }

    private func startsParameters(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let rest = bytes.trimmingBlanks(ByteRange(start, end))
        return rest.count > 1 && bytes[rest.lowerBound] == UInt8(ascii: ";")
    }
}
