public import HTTP1

/// One rule's word about a request, as clients are told.
public struct LimitNotice: Sendable, Equatable {
    /// The position of the rule.
    public var rule: Int
    /// Which of its variants applied.
    public var variant: Int
    /// The rate that has least room.
    public var rate: Int
    /// What is left of it.
    public var remaining: UInt32
    /// Nanoseconds until more is left by itself.
    public var resetNanoseconds: UInt64

    /// A notice from its parts.
    public init(
        rule: Int, variant: Int, rate: Int, remaining: UInt32, resetNanoseconds: UInt64
    ) {
        self.rule = rule
        self.variant = variant
        self.rate = rate
        self.remaining = remaining
        self.resetNanoseconds = resetNanoseconds
    }
}

extension LimitPlans {
    /// Writes the fields about limits: `RateLimit` and `RateLimit-Policy` as structured fields
    /// (draft-ietf-httpapi-ratelimit-headers, RFC 9651), and those that were common before, about the rule
    /// that has least room, its reset in seconds of the Unix epoch. Allocates nothing.
    public func append(
        _ notices: [LimitNotice], _ fields: LimitFields, nowSeconds: Int64,
        to out: inout ByteWriter
    ) {
        guard !notices.isEmpty, fields != .off else { return }
        if fields != .legacy, notices.count == 1 {
            // The common case, in one copy and two numbers.
            let notice = notices[0]
            out.append(plans[notice.rule].lines[notice.variant][notice.rate])
            appendNumbers(notice, to: &out)
            out.appendLineEnd()
        } else if fields != .legacy {
            out.append("RateLimit-Policy: ")
            for index in notices.indices {
                if index > 0 { out.append(", ") }
                out.append(plans[notices[index].rule].policies[notices[index].variant])
            }
            out.append("\r\nRateLimit: ")
            for index in notices.indices {
                if index > 0 { out.append(", ") }
                append(notices[index], to: &out)
            }
            out.appendLineEnd()
        }
        if fields != .standard { appendLegacy(notices, nowSeconds, to: &out) }
    }

    private func append(_ notice: LimitNotice, to out: inout ByteWriter) {
        out.append(plans[notice.rule].policyNames[notice.variant][notice.rate])
        out.append(";r=")
        appendNumbers(notice, to: &out)
    }

    private func appendNumbers(_ notice: LimitNotice, to out: inout ByteWriter) {
        out.append(decimal: UInt64(notice.remaining))
        out.append(";t=")
        out.append(decimal: LimitPlans.seconds(notice.resetNanoseconds))
    }

    private func appendLegacy(
        _ notices: [LimitNotice], _ now: Int64, to out: inout ByteWriter
    ) {
        guard let tightest = tightest(notices) else { return }
        out.append(plans[tightest.rule].legacyLines[tightest.variant][tightest.rate])
        out.append(decimal: UInt64(tightest.remaining))
        out.append("\r\nX-RateLimit-Reset: ")
        out.append(
            decimal: UInt64(clamping: now) + LimitPlans.seconds(tightest.resetNanoseconds))
        out.appendLineEnd()
    }

    /// The most that there can be of the notice's rate.
    func limit(_ notice: LimitNotice) -> UInt32 {
        plans[notice.rule].variants[notice.variant].meters[notice.rate].limit
    }

    /// Whole seconds, rounded up.
    public static func seconds(_ nanoseconds: UInt64) -> UInt64 {
        nanoseconds / second + (nanoseconds % second == 0 ? 0 : 1)
    }
}
