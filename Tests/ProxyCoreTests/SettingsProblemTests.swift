import ProxyCore
import Testing

/// A file, and what its report must be, line by line.
struct Case: Sendable, CustomTestStringConvertible {
    let yaml: String
    let report: [String]

    init(_ yaml: String, _ report: String...) {
        self.yaml = yaml
        self.report = report
    }

    var testDescription: String { yaml }
}

@Suite("Problems of settings, each with its place")
struct SettingsProblemTests {
    /// An upstream in line 1, so that only what a case says is wrong.
    static let base = "upstreams: {a: {url: \"http://a\"}}\n"

    static let topTable: [Case] = [
        Case("wrokers: 1", "f:2:1: wrokers: unknown key, did you mean `workers`?"),
        Case("lsiten: ':1'", "f:2:1: lsiten: unknown key, did you mean `listen`?"),
        Case(
            "zzz: 1",
            "f:2:1: zzz: unknown key, expected one of instance, listen, admin, workers, "
                + "trusted_proxies, via, forwarded, client, cache, redis, upstreams, routes, "
                + "application_id, limit_fields, limits, log, telemetry, "
                + "shutdown"
        ),
        Case(
            "caching: {}",
            "f:2:1: caching: unknown key, expected one of instance, listen, admin, workers, "
                + "trusted_proxies, via, forwarded, client, cache, redis, upstreams, routes, "
                + "application_id, limit_fields, limits, log, telemetry, "
                + "shutdown"
        ),
        Case("workers: many", "f:2:10: workers: expected a number from 0 to 1024, found `many`"),
        Case("workers: -1", "f:2:10: workers: expected a number from 0 to 1024, found `-1`"),
        Case("workers: +1", "f:2:10: workers: expected a number from 0 to 1024, found `+1`"),
        Case("workers: 1025", "f:2:10: workers: expected a number from 0 to 1024, found `1025`"),
        Case("workers: 1_0", "f:2:10: workers: expected a number from 0 to 1024, found `1_0`"),
        Case(
            "workers: 99999999999999999999",
            "f:2:10: workers: expected a number from 0 to 1024, found `99999999999999999999`"),
        Case("workers:", "f:2:9: workers: expected a value, found nothing"),
        Case("workers: ~", "f:2:10: workers: expected a value, found nothing"),
        Case("workers: [1]", "f:2:10: workers: expected a value, found a list"),
        Case("workers: {a: 1}", "f:2:10: workers: expected a value, found a map"),
        Case("workers: ''", "f:2:10: workers: expected a number from 0 to 1024, found nothing"),
        Case("via: a b", "f:2:6: via: expected a token, found `a b`"),
        Case("via: \"a\\nb\"", "f:2:6: via: expected a token, found `a\\u{a}b`"),
        Case(
            "forwarded: on", "f:2:12: forwarded: expected one of append, replace, off, found `on`"),
        Case(
            "instance: \"\\t\"",
            "f:2:11: instance: expected a text without control characters, found `\\u{9}`"),
        Case(
            "trusted_proxies: [10.0.0.0/8, nonsense, 10.0.0.1/8]",
            "f:2:31: trusted_proxies[1]: expected an IP address or a block such as 10.0.0.0/8, "
                + "found `nonsense`",
            "f:2:41: trusted_proxies[2]: expected `10.0.0.0/8`, found `10.0.0.1/8`"),
        Case(
            "trusted_proxies: 10.0.0.0/64",
            "f:2:18: trusted_proxies: expected a prefix length from 0 to 32, found `64`"),
        Case("listen: []", "f:2:9: listen: expected at least one listener, found none"),
        Case("listen: 8080", "f:2:9: listen: expected HOST:PORT, found `8080`"),
        Case(
            "listen: example.com:80",
            "f:2:9: listen: expected an IP address to listen on, found `example.com`"),
        Case(
            "listen: ':99999'", "f:2:9: listen: expected a port from 0 to 65535, found `99999`"),
        Case(
            "listen: [':80', '127.0.0.1:80']",
            "f:2:17: listen[1]: `127.0.0.1:80` is taken by the listener `0.0.0.0:80`"),
        Case(
            "listen:\n  - address: ':80'\n    proxy_protcol: true",
            "f:4:5: listen[0].proxy_protcol: unknown key, did you mean `proxy_protocol`?"),
        Case(
            "listen: {proxy_protocol: yes}",
            "f:2:26: listen.proxy_protocol: expected true or false, found `yes`"),
        Case(
            "listen: {backlog: 0}",
            "f:2:19: listen.backlog: expected a number from 1 to 65535, found `0`"),
        Case(
            "listen: ':9900'",
            "f: admin.listen: `127.0.0.1:9900` is taken by the listener `0.0.0.0:9900`"),
        Case(
            "admin: {listen: ':9901'}",
            "f:2:17: admin.listen: `0.0.0.0:9901` is not loopback: expected token or token_file, "
                + "found none"),
        Case(
            "admin: {token: short}",
            "f:2:16: admin.token: expected a token of at least 8 visible ASCII characters"),
        Case(
            "admin: {token: longenough, token_file: /x}",
            "f:2:40: admin.token_file: expected either token or token_file, found both"),
        Case("admin: 1", "f:2:8: admin: expected a map, found `1`"),
        Case("client: [1]", "f:2:9: client: expected a map, found a list"),
        Case(
            "client: {head_timeout: 10}",
            "f:2:24: client.head_timeout: expected a duration such as 250ms, 5s, 2m or 1h, found `10`"
        ),
        Case(
            "client: {head_timout: 10s}",
            "f:2:10: client.head_timout: unknown key, did you mean `head_timeout`?"),
        Case(
            "client: {idle_timeout: 0}",
            "f:2:24: client.idle_timeout: expected a duration from 1ms to 1d, found `0`"),
        Case(
            "client: {idle_timeout: 25h}",
            "f:2:24: client.idle_timeout: expected a duration from 1ms to 1d, found `25h`"),
        Case(
            "client: {head_bytes_max: 1}",
            "f:2:26: client.head_bytes_max: expected a size from 1KiB to 1MiB, found `1`"),
        Case(
            "client: {body_bytes_max: none}",
            "f:2:26: client.body_bytes_max: expected a size such as 64KiB, 10MB or 1GiB, found `none`"
        ),
        Case(
            "client: {target_bytes_max: 32KiB}",
            "f:2:28: client.target_bytes_max: expected target_bytes_max below head_bytes_max "
                + "(32KiB), found 32KiB"),
        Case(
            "client: {fields_max: 0}",
            "f:2:22: client.fields_max: expected a number from 1 to 10000, found `0`"),
        Case(
            "log: {level: verbose}",
            "f:2:14: log.level: expected one of debug, info, notice, warning, error, found `verbose`"
        ),
        Case(
            "log: {access: {format: xml}}",
            "f:2:24: log.access.format: expected one of json, text, found `xml`"),
        Case(
            "log: {access: {sample_rate: 0}}",
            "f:2:29: log.access.sample_rate: expected a number from 1 to 1000000, found `0`"),
        Case(
            "log: {acess: {}}", "f:2:7: log.acess: unknown key, did you mean `access`?"),
        Case(
            "telemetry: {exemplars: 1}",
            "f:2:24: telemetry.exemplars: expected true or false, found `1`"),
        Case(
            "shutdown: {grace: 2h}",
            "f:2:19: shutdown.grace: expected a duration from 0s to 1h, found `2h`"),
        Case("via: ${NOPE}", "f:2:6: via: the environment variable NOPE is not set"),
        Case("via: '${NOPE'", "f:2:6: via: expected `}` after `${`, found `${NOPE`"),
        Case(
            "via: '${1X}'", "f:2:6: via: expected the name of an environment variable, found `1X`"),
        Case(
            "via: '${}'", "f:2:6: via: expected the name of an environment variable, found nothing"),
        Case("[a]: 1", "f:2:1: expected a plain text as key, found a list"),
        Case("via: a\nvia: b", "f:3:1: via: the key appears more than once, first in line 2"),
        Case(
            "client:\n  fields_max: 1\n  \"fields_max\": 2\nwrokers: 1",
            "f:4:3: client.fields_max: the key appears more than once, first in line 3",
            "f:5:1: wrokers: unknown key, did you mean `workers`?"),
    ]

    @Test("the file's top, listeners, clients, logs", arguments: topTable)
    func top(_ row: Case) {
        #expect(problems(Self.base + row.yaml) == row.report)
    }

    static let upstreamTable: [Case] = [
        Case("upstreams:\n  a: {}", "f:2:6: upstreams.a: expected url or urls, found none"),
        Case("upstreams:\n  a:", "f:2:5: upstreams.a: expected url or urls, found none"),
        Case(
            "upstreams:\n  a: http://a",
            "f:2:6: upstreams.a: expected a map, found `http://a`"),
        Case("upstreams: {}", "f: upstreams: expected at least one upstream, found none"),
        Case("", "f: upstreams: expected at least one upstream, found none"),
        Case(
            "a", "f:1:1: expected a map, found `a`",
            "f: upstreams: expected at least one upstream, found none"),
        Case(
            "upstreams:\n  a: {url: 'http://a', urls: ['http://b']}",
            "f:2:30: upstreams.a.urls: expected either url or urls, found both"),
        Case(
            "upstreams:\n  a: {url: a.example}",
            "f:2:12: upstreams.a.url: expected a URL such as https://api.example.com, found `a.example`"
        ),
        Case(
            "upstreams:\n  a: {url: 'http://u:p@a'}",
            "f:2:12: upstreams.a.url: expected no user name or password in the URL; set a field instead"
        ),
        Case(
            "upstreams:\n  a: {url: 'ftp://u:secret@a'}",
            "f:2:12: upstreams.a.url: expected a URL such as https://api.example.com, "
                + "found `ftp://***@a`"),
        Case(
            "upstreams:\n  a: {url: 'http://a?x=1'}",
            "f:2:12: upstreams.a.url: expected a URL without query and fragment"),
        Case(
            "upstreams:\n  a: {url: 'http://a:0'}",
            "f:2:12: upstreams.a.url: expected a port from 1 to 65535, found `0`"),
        Case(
            "upstreams:\n  a: {url: 'http://a/x/../y'}",
            "f:2:12: upstreams.a.url: expected a plain path prefix, found a `.` or `..` segment"),
        Case(
            "upstreams:\n  a: {urls: ['http://a', 'http://a:80', 'https://b']}",
            "f:2:26: upstreams.a.urls[1]: `http://a` appears more than once",
            "f:2:41: upstreams.a.urls[2]: expected the scheme and prefix of `http://a`, "
                + "found `https://b`"),
        Case(
            "upstreams:\n  a: {url: 'http://a', tls: {verfy: false}}",
            "f:2:30: upstreams.a.tls.verfy: unknown key, did you mean `verify`?"),
        Case(
            "upstreams:\n  a: {url: 'http://a', tls: {server_name: 'a:1'}}",
            "f:2:43: upstreams.a.tls.server_name: expected a host name, found `a:1`"),
        Case(
            "upstreams:\n  a: {url: 'http://a', host: 'a b'}",
            "f:2:30: upstreams.a.host: expected a host name or address, found `a b`"),
        Case(
            "upstreams:\n  a: {url: 'http://a', proxy: 'http://p/x'}",
            "f:2:31: upstreams.a.proxy: expected a proxy without a path, found `/x`"),
        Case(
            "upstreams:\n  a: {url: 'http://a', pool: {connections_max: 2, idle_max: 3}}",
            "f:2:61: upstreams.a.pool.idle_max: expected at most connections_max (2), found `3`"),
        Case(
            "upstreams:\n  a: {url: 'http://a', retries: {max: 11}}",
            "f:2:39: upstreams.a.retries.max: expected a number from 0 to 10, found `11`"),
        Case(
            "upstreams:\n  a: {url: 'http://a', total_timeout: never}",
            "f:2:39: upstreams.a.total_timeout: expected a duration such as 250ms, 5s, 2m or 1h, "
                + "found `never`"),
        Case(
            "upstreams:\n  _a: {url: 'http://a'}",
            "f:2:7: upstreams._a: expected a name of letters, digits, `-`, `.`, `/` and, not first, "
                + "`_`, found `_a`"),
        Case(
            "upstreams:\n  a: {url: 'http://a'}\n  b: {url: 'http://b'}",
            "f: routes: expected at least one route for several upstreams, found none"),
        Case(
            "upstreams:\n  a: {url: 'http://a'}\n  a: {url: 'http://b'}",
            "f:3:3: upstreams.a: the key appears more than once, first in line 2"),
    ]

    @Test("upstreams", arguments: upstreamTable)
    func upstreams(_ row: Case) {
        #expect(problems(row.yaml) == row.report)
    }

    static let routeTable: [Case] = [
        Case(
            "routes: [{upstream: b}]",
            "f:2:21: routes[0].upstream: unknown upstream `b`, did you mean `a`?"),
        Case(
            "routes: [{upstream: other}]",
            "f:2:21: routes[0].upstream: expected one of a, found `other`"),
        Case(
            "routes: [{name: x}, {name: x}]",
            "f:2:28: routes[1].name: the route name `x` is taken by the route in line 2"),
        Case(
            "routes:\n  - match: {path: /x}\n  - match: {path: /x}",
            "f:4:12: routes[1]: the route name `/x` is taken by the route in line 3"),
        Case(
            "routes: [{name: _x}]",
            "f:2:17: routes[0].name: expected a name of letters, digits, `-`, `.`, `/` and, not "
                + "first, `_`, found `_x`"),
        Case(
            "routes: [{match: {path: items}}]",
            "f:2:25: routes[0].match.path: expected a path template that starts with `/`, found `items`"
        ),
        Case(
            "routes: [{match: {path: '/{a}/{a}'}}]",
            "f:2:25: routes[0].match.path: the parameter {a} appears more than once"),
        Case(
            "routes: [{match: {path: '/**/x'}}]",
            "f:2:25: routes[0].match.path: expected `**` only as the last segment"),
        Case(
            "routes: [{match: {methods: [GET, get]}}]",
            "f:2:34: routes[0].match.methods[1]: expected one of GET, HEAD, POST, PUT, DELETE, "
                + "OPTIONS, TRACE, PATCH, found `get`"),
        Case(
            "routes: [{match: {methods: CONNECT}}]",
            "f:2:28: routes[0].match.methods: expected one of GET, HEAD, POST, PUT, DELETE, "
                + "OPTIONS, TRACE, PATCH, found `CONNECT`"),
        Case(
            "routes: [{match: {hosts: ['a:80', '*']}}]",
            "f:2:27: routes[0].match.hosts[0]: expected a host name without a port, or `*.` and a "
                + "host name, found `a:80`",
            "f:2:35: routes[0].match.hosts[1]: expected a host name without a port, or `*.` and a "
                + "host name, found `*`"),
        Case(
            "routes: [{match: {host: a}}]",
            "f:2:19: routes[0].match.host: unknown key, did you mean `hosts`?"),
        Case(
            "routes: [{timeouts: {connect: 0s}}]",
            "f:2:31: routes[0].timeouts.connect: expected a duration from 1ms to 1d, found `0s`"),
        Case(
            "routes: [{rewrite: {path: '/{id}'}}]",
            "f:2:27: routes[0].rewrite.path: expected a parameter of `/**`, found `{id}`"),
        Case(
            "routes: [{match: {path: /x}, rewrite: {path: '/y/**'}}]",
            "f:2:46: routes[0].rewrite.path: expected no `**`, since `/x` does not end in `**`"),
        Case(
            "routes: [{rewrite: {path: '/y/*'}}]",
            "f:2:27: routes[0].rewrite.path: expected no `*` in a rewrite; name the segment instead"
        ),
        Case(
            "routes: [{match: {path: '/a/**'}, rewrite: {strip_prefix: /b}}]",
            "f:2:59: routes[0].rewrite.strip_prefix: expected a prefix of `/a/**`, found `/b`"),
        Case(
            "routes: [{rewrite: {strip_prefix: /b/}}]",
            "f:2:35: routes[0].rewrite.strip_prefix: expected a prefix such as /api, without `/` or "
                + "`**` at its end, found `/b/`"),
        Case(
            "routes: [{rewrite: {add_prefix: v2}}]",
            "f:2:33: routes[0].rewrite.add_prefix: expected a prefix such as /v2, without `/` at "
                + "its end, found `v2`"),
        Case(
            "routes: [{rewrite: {path: /x, add_prefix: /y}}]",
            "f:2:27: routes[0].rewrite.path: expected either path or strip_prefix and add_prefix, "
                + "found both"),
        Case(
            "routes: [{request: {set: {Host: a}}}]",
            "f:2:33: routes[0].request.set.Host: the field Host is the proxy's own and cannot be changed"
        ),
        Case(
            "routes: [{request: {add: {'a b': c}}}]",
            "f:2:34: routes[0].request.add.a b: expected the name of a field, found `a b`"),
        Case(
            "routes: [{response: {set: {X: \"a\\r\\nb\"}}}]",
            "f:2:31: routes[0].response.set.X: expected a field value of visible ASCII characters "
                + "and inner blanks, found `a\\u{d}\\u{a}b`"),
        Case(
            "routes: [{request: {set: {Authorization: \"secret\\n\"}}}]",
            "f:2:42: routes[0].request.set.Authorization: expected a field value of visible ASCII "
                + "characters and inner blanks"),
        Case(
            "routes: [{response: {remove: [Content-Length, 'x:']}}]",
            "f:2:31: routes[0].response.remove[0]: the field Content-Length is the proxy's own and "
                + "cannot be changed",
            "f:2:47: routes[0].response.remove[1]: expected the name of a field, found `x:`"),
        Case(
            "routes: [{body_bytes_max: off}]",
            "f:2:27: routes[0].body_bytes_max: expected a size such as 64KiB, 10MB or 1GiB, found `off`"
        ),
        Case("routes: [1]", "f:2:10: routes[0]: expected a map, found `1`"),
        Case("routes: x", "f:2:9: routes: expected a map, found `x`"),
        Case(
            "routes: [{limits: []}]",
            "f:2:11: routes[0].limits: unknown key, expected one of name, match, upstream, timeouts, "
                + "request, response, rewrite, body_bytes_max, cache, fallback"),
    ]

    @Test("routes", arguments: routeTable)
    func routes(_ row: Case) {
        #expect(problems(Self.base + row.yaml) == row.report)
    }

    @Test("a route without upstream where there are several")
    func ambiguousUpstream() {
        let yaml = "upstreams: {a: {url: 'http://a'}, b: {url: 'http://b'}}\nroutes:\n  - name: x\n"
        #expect(problems(yaml) == ["f:3:5: routes[0]: expected upstream, one of a, b, found none"])
    }

    @Test("lists are bounded")
    func lists() {
        let many = Array(repeating: "'http://a'", count: 65).joined(separator: ", ")
        #expect(
            problems("upstreams: {a: {urls: [\(many)]}}")
                == ["f:1:23: upstreams.a.urls: expected at most 64 elements, found 65"])
        let listeners = Array(repeating: "':0'", count: 65).joined(separator: ", ")
        #expect(
            problems(Self.base + "listen: [\(listeners)]")
                == ["f:2:9: listen: expected at most 64 elements, found 65"])
    }

    @Test("everything wrong is in one report, in the order of the file")
    func all() {
        let yaml = """
            workers: x
            client:
              idle_timeout: 1
              nonsense_key_here: 1
            upstreams:
              a: {url: 'nope'}
              b: {}
            routes:
              - upstream: c
                match: {path: x, methods: [FETCH]}
            via: ${UNSET}
            """
        let lines = problems(yaml).map { $0.split(separator: ":")[1] }
        #expect(lines == ["1", "3", "4", "6", "7", "9", "10", "10", "11"])
    }
}
