import Testing

@testable import Telemetry

@Suite("Catalogue") struct CatalogueTests {
    @Test("names are unique, sorted, prefixed and of legal characters") func names() {
        let names = Catalogue.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names == names.sorted())
        for name in names {
            #expect(name.hasPrefix("meliproxy_") || name.hasPrefix("process_"), "\(name)")
            #expect(name.allSatisfy { $0 == "_" || ("a"..."z").contains($0) }, "\(name)")
        }
    }

    @Test("OpenMetrics: a name ends in its unit, only counters in _total", arguments: Catalogue.all)
    func suffixes(family: Family) {
        #expect(family.name.hasSuffix("_total") == (family.kind == .counter))
        if family.unit != .none {
            #expect(family.openMetricsName.hasSuffix("_" + family.unit.rawValue))
        } else {
            #expect(!family.openMetricsName.hasSuffix("_seconds"))
            #expect(!family.openMetricsName.hasSuffix("_bytes"))
        }
        for reserved in ["_bucket", "_sum", "_count", "_created", "_info"]
        where family.name != Catalogue.buildInfo.name {
            #expect(!family.name.hasSuffix(reserved))
        }
        #expect((family.buckets != nil) == (family.kind == .histogram))
        #expect(family.help.hasSuffix(".") && family.help.count > 10)
        #expect(Set(family.labelNames).count == family.labels.count)
        #expect(!family.labelNames.contains("le"))
    }

    @Test("the families of this version") func families() {
        let expected = """
            build_info cache_entries cache_evictions_total cache_flights_total \
            cache_max_size_bytes cache_purges_total cache_requests_total \
            cache_revalidations_total cache_size_bytes cache_stale_served_total \
            circuit_breaker_rejected_total circuit_breaker_state \
            circuit_breaker_transitions_total concurrency_in_flight concurrency_limit \
            concurrency_queued shed_total upstream_gate_closed \
            cache_stores_total config_last_reload_success_timestamp_seconds \
            config_last_reload_successful connections_accepted_total connections_active \
            connections_closed_total connections_max connections_rejected_total draining \
            admin_requests_total http_received_bytes_total http_request_duration_seconds \
            http_request_errors_total http_requests_in_flight http_requests_total \
            http_response_size_bytes http_sent_bytes_total log_dropped_total log_messages_total \
            metrics_label_overflow_total metrics_render_seconds metrics_series \
            proxy_protocol_errors_total rate_limit_decisions_total rate_limit_lease_total rate_limit_tracked_keys ready \
            upstream_connect_duration_seconds \
            upstream_connections upstream_connections_opened_total upstream_errors_total \
            upstream_first_byte_seconds upstream_request_duration_seconds \
            upstream_requests_total upstream_retries_total worker_busy_seconds_total \
            worker_loop_lag_seconds
            """
        let redis = """
            cache_coherence_live cache_invalidation_lag_seconds cache_invalidations_total \
            cache_lease_total cache_purge_replays_total cache_record_faults_total \
            redis_command_duration_seconds redis_commands_total redis_connected \
            redis_errors_total redis_function_loads_total \
            redis_master_last_switch_timestamp_seconds redis_master_switches_total \
            redis_pending_commands redis_reconnects_total sentinel_up
            """
        let process = """
            process_cpu_seconds_total process_max_fds process_open_fds \
            process_resident_memory_bytes process_start_time_seconds process_threads \
            process_virtual_memory_bytes process_virtual_memory_max_bytes
            """
        let names =
            (expected + " " + redis).split(separator: " ").map { "meliproxy_" + $0 }
            + process.split(separator: " ").map(String.init)
        #expect(Catalogue.all.map(\.name) == names.sorted())
    }

    @Test("the markdown page has each family, its labels, buckets and words once") func markdown() {
        let text = Catalogue.markdown()
        let rows = lines(text).filter { $0.hasPrefix("| `") }
        for family in Catalogue.all {
            let own = rows.filter { $0.hasPrefix("| `\(family.name)` | \(family.kind.rawValue) |") }
            #expect(own.count == 1, "\(family.name)")
            let labels = family.labelNames.map { "`\($0)`" }.joined(separator: ", ")
            #expect(own.first?.contains("| \(labels) |") == true)
            #expect(own.first?.contains(family.help) == true)
            if let buckets = family.buckets {
                #expect(own.first?.contains(buckets.texts.joined(separator: " ")) == true)
            }
        }
        #expect(text.contains("`hit`, `stale`, `miss`, `bypass`, `none`"))
        #expect(text.hasSuffix(".\n"))
    }

    @Test("a family that is in no list of the catalogue cannot be forgotten") func words() {
        // Each closed vocabulary of the module is the value list of some label.
        let lists = Set(Catalogue.all.flatMap { $0.labels.map(\.values) })
        #expect(lists.contains(Origin.allCases.map(\.rawValue)))
        #expect(lists.contains(CacheOutcome.allCases.map(\.rawValue)))
        #expect(lists.contains(LogLevel.allCases.map(\.rawValue)))
        #expect(lists.contains(RequestErrorReason.allCases.map(\.rawValue)))
        #expect(lists.contains(ConnectionCloseReason.allCases.map(\.rawValue)))
        #expect(lists.contains(ConnectionRejectReason.allCases.map(\.rawValue)))
        #expect(lists.contains(UpstreamErrorReason.allCases.map(\.rawValue)))
        #expect(lists.contains(RetryOutcome.allCases.map(\.rawValue)))
        #expect(lists.contains(UpstreamConnectionState.allCases.map(\.rawValue)))
        #expect(lists.contains(SharedEntryFault.allCases.map(\.rawValue)))
        #expect(lists.contains(RedisErrorReason.allCases.map(\.rawValue)))
        #expect(lists.contains(RedisOutcome.allCases.map(\.rawValue)))
        #expect(lists.contains(RedisOperation.allCases.map(\.rawValue)))
        #expect(lists.contains(RedisReconnectReason.allCases.map(\.rawValue)))
        #expect(lists.contains(CacheLeaseOutcome.allCases.map(\.rawValue)))
        #expect(lists.contains(CacheInvalidationKind.allCases.map(\.rawValue)))
    }
}

@Suite("Vocabularies") struct VocabularyTests {
    private func check<Words: Vocabulary>(_ words: Words.Type) {
        #expect(words.allCases.map(\.index) == Array(0..<words.allCases.count))
        for word in words.allCases {
            let text = word.rawValue
            #expect(text.allSatisfy { $0 == "_" || ("a"..."z").contains($0) }, "\(text)")
            #expect(text != Label.other)
        }
    }

    @Test("the index is the position, the word is snake case") func indices() {
        check(Origin.self)
        check(CacheOutcome.self)
        check(LogLevel.self)
        check(RequestErrorReason.self)
        check(ConnectionCloseReason.self)
        check(ConnectionRejectReason.self)
        check(UpstreamErrorReason.self)
        check(RetryOutcome.self)
        check(UpstreamConnectionState.self)
        check(SharedEntryFault.self)
        check(RedisErrorReason.self)
        check(RedisOutcome.self)
        check(RedisOperation.self)
        check(RedisReconnectReason.self)
        check(CacheLeaseOutcome.self)
        check(CacheInvalidationKind.self)
        check(BreakerState.self)
        check(ShedReason.self)
    }
}
