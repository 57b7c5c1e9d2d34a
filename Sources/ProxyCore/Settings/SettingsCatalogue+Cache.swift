extension SettingsCatalogue {
    static let cache = [
        SettingsKey(
            "cache.memory", "size or `off`", "`256MiB`",
            "Most memory that stored responses take; `off`: nothing is cached."),
        SettingsKey(
            "cache.followers_max", "number", "`4096`",
            "Most requests that wait for one fetch; more of them fetch for themselves."),
        SettingsKey(
            "cache.fill_bytes_max", "size", "an eighth of `cache.memory`",
            "Most bytes of answers collected at the same time; beyond, answers pass unstored."),
    ]

    static let routeCache = [
        SettingsKey(
            "routes[].cache.enabled", "boolean", "`true`",
            "Whether the route is cached; `cache: off` is short for `false`."),
        SettingsKey(
            "routes[].cache.request_directives", "`honour` or `ignore`", "`honour`",
            "Whether a request's `Cache-Control` and `Pragma` decide what is reused."),
        SettingsKey(
            "routes[].cache.ttl.<status>", "duration", "none",
            "Lifetime of answers with that status that say nothing about theirs."),
        SettingsKey(
            "routes[].cache.negative_ttl", "duration", "`10s`",
            "Lifetime of a 404 or 410 that says nothing about its own."),
        SettingsKey(
            "routes[].cache.error_ttl", "duration up to `1s`", "`0s`",
            "Lifetime of a 5xx that says nothing about its own."),
        SettingsKey(
            "routes[].cache.ttl_min", "duration", "`0s`", "Lengthens shorter lifetimes above zero."),
        SettingsKey(
            "routes[].cache.ttl_max", "duration or `off`", "`off`", "Shortens longer ones."),
        SettingsKey(
            "routes[].cache.ttl_jitter", "percent up to 50", "`0`",
            "Lifetimes are shortened by a random part of them up to this one."),
        SettingsKey(
            "routes[].cache.stale_while_revalidate", "duration or `response`", "`response`",
            "How long a stale answer is served while a new one is fetched (RFC 5861 §3)."),
        SettingsKey(
            "routes[].cache.stale_while_revalidate_max", "duration", "`24h`", "Bound of that."),
        SettingsKey(
            "routes[].cache.stale_if_error", "duration or `response`", "`response`",
            "How long a stale answer is served while the upstream fails (RFC 5861 §4)."),
        SettingsKey("routes[].cache.stale_if_error_max", "duration", "`168h`", "Bound of that."),
        SettingsKey(
            "routes[].cache.refresh_ahead", "duration or `off`", "`off`",
            "A hit so shortly before the end of its lifetime fetches anew, in the background."),
        SettingsKey(
            "routes[].cache.heuristic_with_query", "boolean", "`false`",
            "Whether targets with a query get a heuristic lifetime (RFC 9111 §4.2.2)."),
        SettingsKey(
            "routes[].cache.vary_ignore[]", "field name", "none",
            "Request fields that do not tell variants apart although `Vary` names them."),
        SettingsKey(
            "routes[].cache.set_cookie", "`explicit`, `never` or `drop`", "`explicit`",
            "Answers with `Set-Cookie`: stored if `public` or `s-maxage`, never, or without it."),
        SettingsKey(
            "routes[].cache.drop_fields[]", "field name", "none",
            "Response fields that are not stored."),
        SettingsKey(
            "routes[].cache.body_bytes_max", "size", "`8MiB`", "Largest body that is stored."),
        SettingsKey(
            "routes[].cache.key.sort_query", "boolean", "`false`",
            "Whether the order of query parameters is without meaning."),
        SettingsKey(
            "routes[].cache.key.ignore_query[]", "name, perhaps with `*` at its end", "none",
            "Query parameters that make no difference."),
        SettingsKey(
            "routes[].cache.key.only_query[]", "name, perhaps with `*` at its end", "all",
            "The only query parameters that make a difference."),
        SettingsKey(
            "routes[].cache.key.fields[]", "field name", "none",
            "Request fields whose values are part of the key."),
        SettingsKey(
            "routes[].cache.key.cookies[]", "cookie name", "none",
            "Cookies whose values are part of the key."),
        SettingsKey(
            "routes[].cache.key.bypass_query[]", "name", "`callback`, `access_token`",
            "Query parameters whose presence keeps a request away from the cache."),
    ]
}
