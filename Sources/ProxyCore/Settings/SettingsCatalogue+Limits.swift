extension SettingsCatalogue {
    static let limits =
        [
            SettingsKey(
                "application_id[]", "`header:NAME` or `query:NAME`", "none",
                "Where requests say which application they come from; the first that is there counts."
            ),
            SettingsKey(
                "limit_fields", "`standard`, `legacy`, `both` or `off`", "`standard`",
                "Fields of answers about limits: `RateLimit` and `RateLimit-Policy`, or `X-RateLimit-*`."
            ),
            SettingsKey(
                "limits[].name", "text", "required",
                "Unique name; the `rule` label of metrics, and what clients are told."),
        ] + condition("limits[].when[]") + condition("limits[].exempt[]") + rest
        + condition("limits[].overrides[].when[]")
        + [
            SettingsKey(
                "limits[].overrides[].rate", "rates", "the rule's",
                "Rates for those requests, with budgets of their own."),
            SettingsKey(
                "limits[].overrides[].burst", "number", "none", "Instead of the rule's `burst`."),
            SettingsKey(
                "limits[].overrides[].cost", "number", "the rule's", "Cost of those requests."),
        ]

    private static let rest = [
        SettingsKey(
            "limits[].default", "boolean", "`false`",
            "Whether it is about requests only that no other rule is about."),
        SettingsKey(
            "limits[].key[]",
            "`client_ip`, `route`, `path`, `host`, `method`, `application`, `header:NAME`,"
                + " `query:NAME`, `token:NAME` or `constant:TEXT`", "none",
            "What requests are counted by; IPv6 by /64, a token by its hash. None: all together."),
        SettingsKey(
            "limits[].rate", "rates, `1000/1m` or `5/2s; 10/1h`", "required",
            "How many in how long; each of them must have room."),
        SettingsKey(
            "limits[].burst", "number", "none",
            "How many may come at once; makes the rule a token bucket."),
        SettingsKey(
            "limits[].algorithm", "`sliding_window`, `fixed_window` or `token_bucket`",
            "sliding_window; with `burst`, token_bucket", "How requests are counted."),
        SettingsKey("limits[].cost", "number", "`1`", "What a request takes of each rate."),
        SettingsKey(
            "limits[].deduct_when[]", "status, `4xx` or `400-499`", "every status",
            "Answers that take something; what the others took is returned."),
        SettingsKey(
            "limits[].penalty.after", "rate", "none",
            "So many refusals in so long, in windows of a fixed start, are too many."),
        SettingsKey(
            "limits[].penalty.for", "duration", "none",
            "How long all requests of that key are refused then."),
        SettingsKey(
            "limits[].on", "`all` or `miss`", "`all`",
            "Whether all requests count, or those alone that the memory cache could not answer."),
        SettingsKey(
            "limits[].shadow", "boolean", "`false`", "Whether refusals are only counted."),
        SettingsKey(
            "limits[].candidate", "rates", "none",
            "Rates on trial: what they would refuse in place of `rate` is counted."),
        SettingsKey(
            "limits[].tracked_keys_max", "number", "`100000`",
            "Most keys with a state; beyond, those not used for long begin anew."),
        SettingsKey(
            "limits[].scope", "`shared` or `local`", "`shared`",
            "Whether all instances with the same `redis` count together, or each for itself."),
        SettingsKey(
            "limits[].on_store_failure", "`local`, `allow` or `deny`", "`local`",
            "While Redis is out of reach: this instance's share of the rate, everything, or nothing."
        ),
    ]

    private static func condition(_ path: String) -> [SettingsKey] {
        let about =
            path.contains("exempt")
            ? "exempt from the rule" : path.contains("overrides") ? "otherwise" : "limited"
        let some = path.contains("overrides") ? "treated \(about)" : about
        return [
            SettingsKey(
                "\(path).client[]", "IP address or block", "every client",
                "Clients that are \(some); all that is named in one element must hold."),
            SettingsKey("\(path).methods[]", "method", "every method", "Methods, likewise."),
            SettingsKey(
                "\(path).path[]", "path template", "every path",
                "Paths, as in `routes[].match.path`: `/items/*` is one segment, `/items/**` any."),
            SettingsKey("\(path).host[]", "host or `*.` host", "every host", "Hosts."),
            SettingsKey("\(path).route[]", "name", "every route", "Routes."),
            SettingsKey(
                "\(path).header.<field>", "text with `*`", "none",
                "Request fields that must be like this; `*` alone: be there."),
            SettingsKey(
                "\(path).query.<field>", "text with `*`", "none",
                "Query parameters that must be like this."),
            SettingsKey(
                "\(path).application[]", "text with `*`", "every application",
                "Applications, as `application_id` finds them."),
        ]
    }
}
