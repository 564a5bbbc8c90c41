//! The tables as diesel sees them. A test compares this file with the migrated database.

diesel::table! {
    use diesel::sql_types::*;

    admissions (tenant_id, check_in_list_id, ticket_id) {
        tenant_id -> Uuid,
        check_in_list_id -> Uuid,
        ticket_id -> Uuid,
        inside -> Bool,
        entries -> Int4,
        first_admitted_at -> Nullable<Timestamptz>,
        last_admitted_at -> Nullable<Timestamptz>,
        last_gate -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    api_keys (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        name -> Text,
        livemode -> Bool,
        hash -> Bytea,
        hint -> Text,
        scopes -> Array<Text>,
        origins -> Array<Text>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_log (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        actor -> Text,
        action -> Text,
        object_id -> Text,
        detail -> Jsonb,
        request_id -> Text,
        at -> Timestamptz,
        xact_id -> Nullable<Int8>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    check_in_lists (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        name -> Text,
        type_nos -> Array<Int4>,
        re_entry -> Bool,
        zone_mask -> Int2,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    devices (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        check_in_list_id -> Uuid,
        name -> Text,
        gate -> Text,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    embed_files (path) {
        path -> Text,
        contents -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    events (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        event_no -> Int4,
        venue_id -> Uuid,
        seat_map_id -> Uuid,
        seat_map_version -> Int4,
        name -> Text,
        description -> Text,
        state -> Text,
        currency -> Text,
        time_zone -> Text,
        starts_at -> Timestamptz,
        ends_at -> Timestamptz,
        sale_starts_at -> Timestamptz,
        sale_ends_at -> Timestamptz,
        max_per_hold -> Int4,
        max_per_buyer -> Int4,
        hold_ttl_secs -> Int4,
        hold_cap_secs -> Int4,
        checkout_secs -> Int4,
        delayed_payments -> Bool,
        reseat_late_payments -> Bool,
        revision -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        published_at -> Nullable<Timestamptz>,
        cancelled_at -> Nullable<Timestamptz>,
        orphan_seats -> Text,
        adjacent_seats -> Bool,
        min_per_hold -> Int4,
        companion_seats -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    ga_claims (tenant_id, order_id, area_index, epoch) {
        tenant_id -> Uuid,
        order_id -> Uuid,
        event_id -> Uuid,
        area_index -> Int4,
        epoch -> Int4,
        quantity -> Int4,
        state -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    ga_pools (tenant_id, event_id, area_index) {
        tenant_id -> Uuid,
        event_id -> Uuid,
        area_index -> Int4,
        key -> Text,
        name -> Text,
        capacity -> Int4,
        taken -> Int4,
        single_party -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    idempotency_keys (tenant_id, principal, key) {
        tenant_id -> Uuid,
        principal -> Text,
        key -> Text,
        fingerprint -> Bytea,
        subject_id -> Nullable<Uuid>,
        response -> Nullable<Jsonb>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    jobs (id) {
        id -> Int8,
        tenant_id -> Uuid,
        kind -> Text,
        subject_id -> Uuid,
        run_at -> Timestamptz,
        attempts -> Int4,
        last_error -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    ledger_entries (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        order_id -> Uuid,
        refund_id -> Nullable<Uuid>,
        posting -> Text,
        account -> Text,
        amount_minor -> Int8,
        currency -> Text,
        at -> Timestamptz,
        note -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    members (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        permissions -> Array<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    messages (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        notice_id -> Uuid,
        kind -> Text,
        event_id -> Uuid,
        order_id -> Nullable<Uuid>,
        position -> Int4,
        channel -> Text,
        recipient -> Text,
        address -> Text,
        subject -> Text,
        body -> Text,
        html -> Nullable<Text>,
        attachments -> Array<Text>,
        state -> Text,
        attempts -> Int4,
        resends -> Int4,
        last_error -> Text,
        provider_message_id -> Nullable<Text>,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    notices (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        event_id -> Uuid,
        order_id -> Uuid,
        payload -> Jsonb,
        state -> Text,
        attempts -> Int4,
        last_error -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    order_adjustments (tenant_id, order_id, id) {
        tenant_id -> Uuid,
        order_id -> Uuid,
        id -> Uuid,
        item -> Int4,
        plugin_id -> Uuid,
        plugin -> Text,
        version -> Text,
        label -> Text,
        reason -> Text,
        amount_minor -> Int8,
        net_minor -> Int8,
        is_limited -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    order_items (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        order_id -> Uuid,
        position -> Int4,
        seat_index -> Nullable<Int4>,
        area_index -> Nullable<Int4>,
        price_tier_id -> Uuid,
        type_no -> Int4,
        label -> Text,
        tier_name -> Text,
        flags -> Int4,
        price_minor -> Int8,
        fee_minor -> Int8,
        tax_minor -> Int8,
        gross_minor -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    orders (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        hold_id -> Uuid,
        state -> Text,
        epoch -> Int4,
        buyer_email -> Text,
        buyer_name -> Text,
        buyer_ref -> Text,
        currency -> Text,
        subtotal_minor -> Int8,
        fee_minor -> Int8,
        tax_minor -> Int8,
        total_minor -> Int8,
        refunded_minor -> Int8,
        provider -> Text,
        success_url -> Text,
        cancel_url -> Text,
        claim_expires_at -> Timestamptz,
        created_at -> Timestamptz,
        paid_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        locale -> Text,
        is_degraded -> Bool,
        buyer_key -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    outbox (id) {
        id -> Int8,
        tenant_id -> Uuid,
        event_id -> Uuid,
        kind -> Text,
        payload -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    payments (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        order_id -> Uuid,
        attempt -> Int4,
        provider -> Text,
        method -> Text,
        state -> Text,
        idempotency_key -> Text,
        account -> Text,
        session_id -> Nullable<Text>,
        session_url -> Nullable<Text>,
        payment_intent -> Nullable<Text>,
        dispute_id -> Nullable<Text>,
        amount_minor -> Int8,
        currency -> Text,
        livemode -> Bool,
        application_fee_minor -> Int8,
        provider_expires_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    platform_keys (id) {
        id -> Uuid,
        public_key -> Bytea,
        sealed_private_key -> Bytea,
        created_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_installations (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        plugin_id -> Uuid,
        event_id -> Nullable<Uuid>,
        enabled -> Bool,
        hooks -> Jsonb,
        config -> Jsonb,
        key_value_granted -> Bool,
        http_hosts -> Array<Text>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_receipts (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        plugin_id -> Uuid,
        hook -> Text,
        outcome -> Text,
        subject -> Text,
        preview -> Bool,
        receipt -> Jsonb,
        recording -> Nullable<Jsonb>,
        at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_revisions (tenant_id) {
        tenant_id -> Uuid,
        revision -> Int8,
        values_revision -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_secrets (tenant_id, plugin_id, name) {
        tenant_id -> Uuid,
        plugin_id -> Uuid,
        name -> Text,
        sealed -> Bytea,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_statistics (tenant_id, plugin_id, hook, outcome, hour) {
        tenant_id -> Uuid,
        plugin_id -> Uuid,
        hook -> Text,
        outcome -> Text,
        hour -> Timestamptz,
        calls -> Int8,
        fuel -> Int8,
        micros -> Int8,
        micros_max -> Int8,
        memory_bytes_max -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_values (tenant_id, plugin_id, key) {
        tenant_id -> Uuid,
        plugin_id -> Uuid,
        key -> Text,
        value -> Text,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugin_versions (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        plugin_id -> Uuid,
        version -> Text,
        wasm -> Bytea,
        wasm_sha256 -> Bytea,
        manifest -> Jsonb,
        hooks -> Array<Text>,
        created_by -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plugins (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        name -> Text,
        position -> Int4,
        version_id -> Nullable<Uuid>,
        previous_version_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    price_limits (tenant_id, event_id) {
        tenant_id -> Uuid,
        event_id -> Uuid,
        floor_bps -> Int4,
        cap_bps -> Int4,
        discount_max_minor -> Nullable<Int8>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    price_tiers (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        type_no -> Int4,
        name -> Text,
        category -> Nullable<Text>,
        ga_area -> Nullable<Text>,
        price_minor -> Int8,
        fee_minor -> Int8,
        tax_rate_bps -> Int4,
        tax_inclusive -> Bool,
        active -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        min_per_hold -> Int4,
        max_per_hold -> Int4,
        accompanied -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    provider_events (id) {
        id -> Uuid,
        tenant_id -> Nullable<Uuid>,
        provider -> Text,
        account -> Text,
        provider_event_id -> Text,
        kind -> Text,
        object_id -> Text,
        livemode -> Bool,
        provider_created_at -> Timestamptz,
        payload -> Jsonb,
        state -> Text,
        note -> Text,
        received_at -> Timestamptz,
        done_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    refunds (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        order_id -> Uuid,
        payment_id -> Uuid,
        amount_minor -> Int8,
        currency -> Text,
        state -> Text,
        reason -> Text,
        item_ids -> Array<Uuid>,
        idempotency_key -> Text,
        provider_refund_id -> Nullable<Text>,
        failure -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        key_used_at -> Nullable<Timestamptz>,
        key_failed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    rows (tenant_id, seat_map_id, version, row_index) {
        tenant_id -> Uuid,
        seat_map_id -> Uuid,
        version -> Int4,
        row_index -> Int4,
        section_index -> Int4,
        label -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    scans (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        check_in_list_id -> Uuid,
        device_id -> Nullable<Uuid>,
        client_id -> Uuid,
        ticket_id -> Nullable<Uuid>,
        kind -> Text,
        outcome -> Text,
        reason -> Text,
        entry_no -> Nullable<Int4>,
        gate -> Text,
        override_reason -> Text,
        actor -> Text,
        scanned_at -> Timestamptz,
        received_at -> Timestamptz,
        xact_id -> Nullable<Int8>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    seat_blocks (tenant_id, event_id, seat_index) {
        tenant_id -> Uuid,
        event_id -> Uuid,
        seat_index -> Int4,
        reason -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    seat_categories (tenant_id, event_id, seat_index) {
        tenant_id -> Uuid,
        event_id -> Uuid,
        seat_index -> Int4,
        category -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    seat_claims (tenant_id, order_id, seat_index, epoch) {
        tenant_id -> Uuid,
        order_id -> Uuid,
        event_id -> Uuid,
        seat_index -> Int4,
        epoch -> Int4,
        state -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    seat_map_versions (tenant_id, seat_map_id, version) {
        tenant_id -> Uuid,
        seat_map_id -> Uuid,
        version -> Int4,
        document -> Jsonb,
        seat_count -> Int4,
        ga_capacity -> Int4,
        published_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    seat_maps (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        venue_id -> Uuid,
        name -> Text,
        draft -> Jsonb,
        draft_revision -> Int4,
        published_version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    seats (tenant_id, seat_map_id, version, seat_index) {
        tenant_id -> Uuid,
        seat_map_id -> Uuid,
        version -> Int4,
        seat_index -> Int4,
        row_index -> Int4,
        label -> Text,
        number -> Text,
        category -> Text,
        traits -> Int4,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    sections (tenant_id, seat_map_id, version, section_index) {
        tenant_id -> Uuid,
        seat_map_id -> Uuid,
        version -> Int4,
        section_index -> Int4,
        key -> Text,
        name -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    tenants (id) {
        id -> Uuid,
        name -> Text,
        currency -> Text,
        time_zone -> Text,
        livemode -> Bool,
        stripe_account -> Text,
        application_fee_bps -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    ticket_keys (tenant_id, kid) {
        tenant_id -> Uuid,
        kid -> Int2,
        public_key -> Bytea,
        sealed_private_key -> Bytea,
        state -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    tickets (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        event_id -> Uuid,
        order_id -> Uuid,
        order_item_id -> Uuid,
        seat_index -> Nullable<Int4>,
        area_index -> Nullable<Int4>,
        label -> Text,
        price_tier_id -> Uuid,
        type_no -> Int4,
        tier_name -> Text,
        state -> Text,
        generation -> Int4,
        kid -> Int2,
        flags -> Int4,
        not_before -> Timestamptz,
        not_after -> Timestamptz,
        void_reason -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    users (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        email -> Text,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    venues (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        name -> Text,
        street -> Text,
        postal_code -> Text,
        city -> Text,
        country -> Text,
        time_zone -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    webhook_deliveries (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        endpoint_id -> Uuid,
        entry_id -> Uuid,
        event_type -> Text,
        resource_id -> Text,
        detail -> Jsonb,
        occurred_at -> Timestamptz,
        state -> Text,
        attempts -> Int4,
        next_attempt_at -> Timestamptz,
        attempted_at -> Nullable<Timestamptz>,
        status -> Nullable<Int4>,
        duration_ms -> Nullable<Int4>,
        response -> Text,
        last_error -> Text,
        created_at -> Timestamptz,
        xact_id -> Int8,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    webhook_endpoints (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        url -> Text,
        description -> Text,
        event_types -> Array<Text>,
        payload -> Text,
        state -> Text,
        disabled_reason -> Text,
        sealed_keys -> Bytea,
        previous_sealed_keys -> Array<Bytea>,
        previous_until -> Array<Timestamptz>,
        public_key -> Bytea,
        position -> Int8,
        position_id -> Uuid,
        due_at -> Nullable<Timestamptz>,
        blocked_until -> Nullable<Timestamptz>,
        failures -> Int4,
        failing_since -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        slow_until -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    admissions,
    api_keys,
    audit_log,
    check_in_lists,
    devices,
    embed_files,
    events,
    ga_claims,
    ga_pools,
    idempotency_keys,
    jobs,
    ledger_entries,
    members,
    messages,
    notices,
    order_adjustments,
    order_items,
    orders,
    outbox,
    payments,
    platform_keys,
    plugin_installations,
    plugin_receipts,
    plugin_revisions,
    plugin_secrets,
    plugin_statistics,
    plugin_values,
    plugin_versions,
    plugins,
    price_limits,
    price_tiers,
    provider_events,
    refunds,
    rows,
    scans,
    seat_blocks,
    seat_categories,
    seat_claims,
    seat_map_versions,
    seat_maps,
    seats,
    sections,
    tenants,
    ticket_keys,
    tickets,
    users,
    venues,
    webhook_deliveries,
    webhook_endpoints
);
