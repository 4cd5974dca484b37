-- What the migrations make of an empty database. Written by `make baseline`, never by hand.
-- Of the migrations f29eba204a6c95bfcfea60cdd059809dd39f7bbe5a602caf59c3f1545089a5af

CREATE SCHEMA IF NOT EXISTS "{reports}company_coaching";

CREATE SCHEMA IF NOT EXISTS "{reports}fitness_coaching";

CREATE SCHEMA IF NOT EXISTS "{reports}pay_per_minute";

CREATE SCHEMA IF NOT EXISTS "{reports}peer_learning";

CREATE SCHEMA IF NOT EXISTS "{reports}youth_sports";

CREATE TYPE procrastinate_job_event_type AS ENUM (
    'deferred',
    'started',
    'deferred_for_retry',
    'failed',
    'succeeded',
    'cancelled',
    'abort_requested',
    'aborted',
    'scheduled',
    'retried'
);

CREATE TYPE procrastinate_job_status AS ENUM (
    'todo',
    'doing',
    'succeeded',
    'failed',
    'cancelled',
    'aborting',
    'aborted'
);

CREATE TYPE procrastinate_job_to_defer_v1 AS (
	queue_name character varying,
	task_name character varying,
	priority integer,
	lock text,
	queueing_lock text,
	args jsonb,
	scheduled_at timestamp with time zone
);

CREATE TYPE uuidrange AS RANGE (
    subtype = uuid,
    multirange_type_name = uuidmultirange
);

CREATE FUNCTION ledger_code(pot jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT (pot ->> 'kind') || ':' || (pot ->> 'currency') || ':' || coalesce(pot ->> 'owner', '') || ':'
        || coalesce(pot ->> 'source', '') || ':' || coalesce(pot ->> 'name', '')
$$;

CREATE FUNCTION ledger_post(kinds text[], debits text[], credits text[], amounts bigint[], keys text[], subjects uuid[], undoes uuid[], pots text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO {schema}, pg_temp
    AS $$
    SELECT ledger_post(
        ARRAY(SELECT uuidv7() FROM unnest(kinds)), kinds, debits, credits, amounts, keys, subjects, undoes, pots)
$$;

CREATE FUNCTION ledger_post(ids uuid[], kinds text[], debits text[], credits text[], amounts bigint[], keys text[], subjects uuid[], undoes uuid[], pots text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO {schema}, pg_temp
    AS $_$
DECLARE
    debit_code text;
    debit uuid;
    debit_is_guarded boolean;
    debit_currency text;
    credit_code text;
    credit uuid;
    credit_is_guarded boolean;
    credit_currency text;
    cents bigint;
    undone_debit uuid;
    undone_credit uuid;
    undone_cents bigint;
    undone_reverses uuid;
    changed uuid[];
    changes bigint[];
    account uuid;
    change bigint;
    posted integer := 0;
BEGIN
    IF NOT cardinality(kinds) = ALL (ARRAY[
        cardinality(ids), cardinality(debits), cardinality(credits), cardinality(amounts), cardinality(keys),
        cardinality(subjects), cardinality(undoes)])
    THEN
        RAISE EXCEPTION 'ledger: the columns differ in length';
    END IF;

    FOR place IN 1..cardinality(kinds) LOOP
        cents := amounts[place];
        FOR attempt IN 1..2 LOOP
            -- Most often one end is that of the posting before: sales, of many; or what the fee is taken from.
            IF debits[place] IS DISTINCT FROM debit_code THEN
                debit_code := debits[place];
                SELECT id, balance IS NOT NULL, currency INTO debit, debit_is_guarded, debit_currency
                FROM ledger_account WHERE code = debit_code;
            END IF;
            IF credits[place] IS DISTINCT FROM credit_code THEN
                credit_code := credits[place];
                SELECT id, balance IS NOT NULL, currency INTO credit, credit_is_guarded, credit_currency
                FROM ledger_account WHERE code = credit_code;
            END IF;
            EXIT WHEN debit IS NOT NULL AND credit IS NOT NULL;

            -- Open all accounts that are not open yet, in one order, and look again. Only what a person owns has a
            -- guarded balance. The code is made of what the account says, so no other name leads to it.
            IF EXISTS (
                SELECT FROM jsonb_array_elements(pots::jsonb) listed (pot)
                WHERE pot ->> 'kind' !~ '^[a-z]+$' OR pot ->> 'currency' !~ '^[A-Z]{3}$')
            THEN
                RAISE EXCEPTION 'ledger: no such kind or currency';
            END IF;
            INSERT INTO ledger_account (code, kind, currency, owner_id, source_id, name, expires_at, balance)
            SELECT concat(kind, ':', currency, ':', owner_id, ':', source_id, ':', name), kind, currency, owner_id,
                   source_id, name, expires_at,
                   CASE WHEN kind IN ('credit', 'granted', 'wallet', 'earnings') THEN 0 END
            FROM jsonb_array_elements(pots::jsonb) listed (pot),
                 LATERAL (
                    SELECT pot ->> 'kind' AS kind, pot ->> 'currency' AS currency, (pot ->> 'owner')::uuid AS owner_id,
                           (pot ->> 'source')::uuid AS source_id, pot ->> 'name' AS name,
                           (pot ->> 'expires_at')::timestamptz AS expires_at) said
            WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = ledger_code(pot))
            ORDER BY ledger_code(pot)
            ON CONFLICT DO NOTHING;
            debit_code := NULL;
            credit_code := NULL;
        END LOOP;
        IF debit_currency <> credit_currency THEN
            RAISE EXCEPTION 'ledger: currencies differ';
        END IF;

        IF undoes[place] IS NOT NULL THEN
            SELECT t.debit_id, t.credit_id, t.amount, t.reverses_id
            INTO undone_debit, undone_credit, undone_cents, undone_reverses
            FROM ledger_transfer t WHERE t.id = undoes[place];
            IF NOT FOUND THEN
                RAISE EXCEPTION 'ledger: there is nothing to reverse';
            END IF;
            -- A reversal swaps the ends of what it undoes, in full.
            IF (undone_debit, undone_credit, undone_cents) <> (credit, debit, cents) THEN
                RAISE EXCEPTION 'ledger: a reversal is not the mirror of its transfer';
            END IF;
            -- What undoes a transfer is final: undone again, the transfer would hold although it says that it was undone.
            IF undone_reverses IS NOT NULL THEN
                RAISE EXCEPTION 'ledger: a reversal is final';
            END IF;
        END IF;

        INSERT INTO ledger_transfer (id, debit_id, credit_id, amount, currency, kind, key, subject_id, reverses_id)
        VALUES (ids[place], debit, credit, cents, debit_currency, kinds[place], keys[place], subjects[place],
                undoes[place])
        ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN
            posted := posted + 1;
            IF debit_is_guarded THEN
                changed := changed || debit;
                changes := changes || -cents;
            END IF;
            IF credit_is_guarded THEN
                changed := changed || credit;
                changes := changes || cents;
            END IF;
        ELSIF keys[place] = ANY (keys[:place - 1]) THEN
            RAISE EXCEPTION 'ledger: a key stands twice in one call';
        -- The same key must say the same thing.
        ELSIF NOT EXISTS (
            SELECT FROM ledger_transfer t
            WHERE t.key = keys[place] AND t.amount = cents AND t.debit_id = debit AND t.credit_id = credit)
        THEN
            RAISE EXCEPTION 'ledger: this key was posted with another amount or other accounts';
        END IF;
    END LOOP;

    -- Each balance once, by all that moved it, and always in the order of their ids, so that two postings cannot wait for
    -- each other. The check "account_never_below_zero" refuses what is not there.
    IF cardinality(changed) = 1 THEN
        UPDATE ledger_account SET balance = balance + changes[1] WHERE id = changed[1];
    ELSIF cardinality(changed) > 1 THEN
        FOR account, change IN
            SELECT moved.account, sum(moved.change)
            FROM unnest(changed, changes) moved (account, change)
            GROUP BY moved.account
            ORDER BY moved.account
        LOOP
            UPDATE ledger_account SET balance = balance + change WHERE id = account;
        END LOOP;
    END IF;
    RETURN posted;
END
$_$;

CREATE FUNCTION procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;

CREATE FUNCTION procrastinate_defer_jobs_v1(jobs procrastinate_job_to_defer_v1[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;

    RETURN job_ids;
END;
$$;

CREATE FUNCTION procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;

    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;

    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;

    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;

    RETURN _job_id;
END;
$$;

CREATE TABLE procrastinate_jobs (
    id bigint NOT NULL,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    lock text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    status procrastinate_job_status DEFAULT 'todo'::procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    queueing_lock text,
    priority integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint,
    CONSTRAINT check_not_todo_abort_requested CHECK ((NOT ((status = 'todo'::procrastinate_job_status) AND (abort_requested = true))))
);

CREATE FUNCTION procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) RETURNS procrastinate_jobs
    LANGUAGE plpgsql
    AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;

 RETURN found_jobs;
END;
$$;

CREATE FUNCTION procrastinate_finish_job_v1(job_id bigint, end_status procrastinate_job_status, delete_job boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION procrastinate_notify_queue_abort_job_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_notify_queue_job_inserted_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION procrastinate_register_worker_v1() RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;

END;
$$;

CREATE FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_scheduled_events_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);

	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_status_events_insert_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_status_events_update_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_unlink_periodic_defers_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;

CREATE FUNCTION procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;

CREATE FUNCTION procrastinate_update_heartbeat_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;

CREATE FUNCTION reporting_major_units(amount bigint, currency text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT round(amount / power(10::numeric, digits), digits)
    FROM (SELECT CASE
        WHEN currency IN ('ADP', 'AFN', 'ALL', 'BIF', 'BYR', 'CLP', 'DJF', 'ESP', 'GNF', 'IQD', 'IRR', 'ISK', 'ITL', 'JPY', 'KMF', 'KPW', 'KRW', 'LAK', 'LBP', 'LUF', 'MGA', 'MGF', 'MMK', 'MRO', 'PYG', 'RSD', 'RWF', 'SLL', 'SOS', 'STD', 'SYP', 'TMM', 'TRL', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF', 'YER', 'ZMK', 'ZWD') THEN 0
        WHEN currency IN ('BHD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
        WHEN currency IN ('CLF', 'UYW') THEN 4
        ELSE 2 END) AS of_currency (digits)
$$;

CREATE TABLE ledger_account (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    currency character varying(3) NOT NULL,
    source_id uuid,
    name character varying(60) NOT NULL,
    expires_at timestamp with time zone,
    balance bigint,
    code text NOT NULL,
    owner_id uuid,
    CONSTRAINT account_credit_knows_its_source CHECK (((NOT ((kind)::text = 'credit'::text)) OR (source_id IS NOT NULL))),
    CONSTRAINT account_has_a_balance_if_guarded CHECK (((balance IS NOT NULL) = ((kind)::text ~ '^(credit|granted|wallet|earnings)$'::text))),
    CONSTRAINT account_has_an_owner_if_a_persons CHECK (((owner_id IS NOT NULL) = ((kind)::text ~ '^(credit|granted|wallet|earnings|owed|sponsor)$'::text))),
    CONSTRAINT account_never_below_zero CHECK (((balance IS NULL) OR (balance >= 0)))
);

CREATE TABLE ledger_transfer (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    amount bigint NOT NULL,
    currency character varying(3) NOT NULL,
    kind character varying(20) NOT NULL,
    key character varying(160) NOT NULL,
    subject_id uuid NOT NULL,
    credit_id uuid NOT NULL,
    debit_id uuid NOT NULL,
    reverses_id uuid,
    CONSTRAINT transfer_amount_is_positive CHECK ((amount > 0)),
    CONSTRAINT transfer_has_two_ends CHECK ((NOT (debit_id = credit_id)))
);

CREATE VIEW "{reports}company_coaching".credits WITH (security_barrier='true') AS
 SELECT id,
    owner_id AS user_id,
    source_id AS source_payment_id,
    reporting_major_units((( SELECT sum(t.amount) AS sum
           FROM ledger_transfer t
          WHERE ((t.credit_id = a.id) AND (((t.kind)::text = 'credit_issue'::text) OR ((a.name)::text = ('again:'::text || (t.subject_id)::text))))))::bigint, (currency)::text) AS amount,
    created_at,
        CASE
            WHEN (balance = 0) THEN ( SELECT max(t.created_at) AS max
               FROM ledger_transfer t
              WHERE (t.debit_id = a.id))
            ELSE NULL::timestamp with time zone
        END AS consumed_at
   FROM ledger_account a
  WHERE ((kind)::text = 'credit'::text);

CREATE TABLE people_invite (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    email character varying(254) NOT NULL,
    name character varying(120) NOT NULL,
    role character varying(12) NOT NULL,
    token_hash character varying(64) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    sent_count smallint NOT NULL,
    accepted_at timestamp with time zone,
    declined_at timestamp with time zone,
    revoked_at timestamp with time zone,
    accepted_by_id uuid,
    created_by_id uuid NOT NULL,
    send_error character varying(200) NOT NULL,
    CONSTRAINT invite_accepted_by_somebody CHECK ((((accepted_at IS NULL) AND (accepted_by_id IS NULL)) OR ((accepted_at IS NOT NULL) AND (accepted_by_id IS NOT NULL)))),
    CONSTRAINT invite_has_one_outcome CHECK ((((declined_at IS NULL) AND (revoked_at IS NULL)) OR ((accepted_at IS NULL) AND (revoked_at IS NULL)) OR ((accepted_at IS NULL) AND (declined_at IS NULL)))),
    CONSTRAINT invite_role_is_known CHECK (((role)::text = ANY (((ARRAY['member'::character varying, 'coach'::character varying, 'admin'::character varying])::character varying[])::text[]))),
    CONSTRAINT people_invite_sent_count_check CHECK ((sent_count >= 0))
);

CREATE VIEW "{reports}company_coaching".invite_tokens WITH (security_barrier='true') AS
 SELECT id,
    NULL::text AS token,
        CASE role
            WHEN 'member'::text THEN 'USER'::text
            ELSE upper((role)::text)
        END AS role_to_assign,
    expires_at,
    accepted_at AS consumed_at,
    created_by_id AS created_by_admin_id
   FROM people_invite i;

CREATE TABLE notify_delivery (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    channel character varying(10) NOT NULL,
    state character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    sent_at timestamp with time zone,
    last_error text NOT NULL,
    notification_id uuid NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT delivery_sent_has_a_time CHECK ((((sent_at IS NOT NULL) AND ((state)::text = 'sent'::text)) OR ((NOT ((state)::text = 'sent'::text)) AND (sent_at IS NULL)))),
    CONSTRAINT notify_delivery_attempts_check CHECK ((attempts >= 0))
);

CREATE TABLE notify_notification (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(60) NOT NULL,
    payload jsonb NOT NULL,
    key character varying(120) NOT NULL,
    in_app boolean NOT NULL,
    read_at timestamp with time zone,
    user_id uuid NOT NULL
);

CREATE VIEW "{reports}company_coaching".notifications WITH (security_barrier='true') AS
 SELECT id,
    user_id,
    (kind)::text AS type,
    payload,
    ( SELECT min(d.sent_at) AS min
           FROM notify_delivery d
          WHERE (d.notification_id = n.id)) AS sent_at
   FROM notify_notification n;

CREATE TABLE orders_sharepolicy (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    percent smallint,
    amount bigint,
    cap bigint,
    currency character varying(3) NOT NULL,
    active_from timestamp with time zone NOT NULL,
    active_until timestamp with time zone,
    coach_id uuid,
    created_by_id uuid,
    supersedes_id uuid,
    CONSTRAINT orders_sharepolicy_percent_check CHECK ((percent >= 0)),
    CONSTRAINT share_policy_amounts_are_positive CHECK ((((amount IS NULL) OR (amount > 0)) AND ((cap IS NULL) OR (cap > 0)))),
    CONSTRAINT share_policy_ends_after_it_starts CHECK (((active_until IS NULL) OR (active_until >= active_from))),
    CONSTRAINT share_policy_is_percent_or_amount CHECK ((((amount IS NULL) AND (percent IS NOT NULL)) OR ((amount IS NOT NULL) AND (cap IS NULL) AND (percent IS NULL)))),
    CONSTRAINT share_policy_percent_is_within CHECK (((percent IS NULL) OR ((percent >= 1) AND (percent <= 100))))
);

CREATE VIEW "{reports}company_coaching".payment_policies WITH (security_barrier='true') AS
 SELECT id,
    percent AS company_share_percent,
    reporting_major_units(amount, (currency)::text) AS company_share_amount,
    active_from,
    active_until
   FROM orders_sharepolicy p;

CREATE TABLE orders_line (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    subject_id uuid NOT NULL,
    description character varying(200) NOT NULL,
    price bigint NOT NULL,
    company_share bigint NOT NULL,
    credit_spent bigint NOT NULL,
    own_share bigint NOT NULL,
    refunded_percent smallint,
    refunded_at timestamp with time zone,
    order_id uuid NOT NULL,
    share_policy_id uuid,
    wallet_spent bigint DEFAULT 0 NOT NULL,
    is_split boolean DEFAULT false NOT NULL,
    company_back bigint DEFAULT 0 NOT NULL,
    credit_back bigint DEFAULT 0 NOT NULL,
    wallet_back bigint DEFAULT 0 NOT NULL,
    own_back bigint DEFAULT 0 NOT NULL,
    back_to character varying(6) DEFAULT 'credit'::character varying NOT NULL,
    sponsor_back bigint DEFAULT 0 NOT NULL,
    sponsor_share bigint DEFAULT 0 NOT NULL,
    sponsorship_id uuid,
    split_rule_id uuid,
    CONSTRAINT line_company_share_has_a_policy CHECK (((company_share = 0) OR (share_policy_id IS NOT NULL))),
    CONSTRAINT line_gives_back_to_a_known_place CHECK (((back_to)::text = ANY (((ARRAY['credit'::character varying, 'wallet'::character varying, 'method'::character varying])::character varying[])::text[]))),
    CONSTRAINT line_gives_back_within CHECK (((company_back >= 0) AND (company_back <= company_share) AND (credit_back >= 0) AND (credit_back <= credit_spent) AND (wallet_back >= 0) AND (wallet_back <= wallet_spent) AND (own_back >= 0) AND (own_back <= own_share))),
    CONSTRAINT line_refunded_percent_is_within CHECK ((((refunded_at IS NULL) AND (refunded_percent IS NULL)) OR ((refunded_at IS NOT NULL) AND (refunded_percent >= 0) AND (refunded_percent <= 100)))),
    CONSTRAINT line_shares_are_not_negative CHECK (((company_share >= 0) AND (credit_spent >= 0) AND (own_share >= 0) AND (sponsor_share >= 0) AND (wallet_spent >= 0))),
    CONSTRAINT line_shares_sum_to_the_price CHECK ((price = ((((company_share + sponsor_share) + credit_spent) + wallet_spent) + own_share))),
    CONSTRAINT line_sponsor_gets_back_within CHECK (((sponsor_back >= 0) AND (sponsor_back <= sponsor_share))),
    CONSTRAINT line_sponsor_share_has_a_sponsorship CHECK (((sponsor_share = 0) OR (sponsorship_id IS NOT NULL))),
    CONSTRAINT orders_line_refunded_percent_check CHECK ((refunded_percent >= 0))
);

CREATE TABLE payments_payment (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    order_id uuid,
    provider character varying(20) NOT NULL,
    method character varying(60) NOT NULL,
    amount bigint NOT NULL,
    currency character varying(3) NOT NULL,
    fee bigint NOT NULL,
    description character varying(200) NOT NULL,
    state character varying(12) NOT NULL,
    reference character varying(120),
    failure_code character varying(60) NOT NULL,
    action_url character varying(2000) NOT NULL,
    paid_at timestamp with time zone,
    marked_by_id uuid,
    payer_id uuid NOT NULL,
    saved_method_id uuid,
    purpose character varying(6) DEFAULT 'order'::character varying NOT NULL,
    asked_at timestamp with time zone,
    is_automatic boolean DEFAULT false NOT NULL,
    keeps_method boolean DEFAULT false NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    late_for uuid,
    disputed_at timestamp with time zone,
    CONSTRAINT payment_amount_is_positive CHECK ((amount > 0)),
    CONSTRAINT payment_automatic_is_a_top_up CHECK (((NOT is_automatic) OR ((purpose)::text = 'top_up'::text))),
    CONSTRAINT payment_fee_is_within CHECK ((fee >= 0)),
    CONSTRAINT payment_of_a_top_up_has_no_order CHECK ((((purpose)::text = 'order'::text) OR ((order_id IS NULL) AND ((purpose)::text = 'top_up'::text)))),
    CONSTRAINT payment_refunds_within CHECK (((refunded >= 0) AND (refunded <= amount) AND ((refunded = 0) OR ((state)::text = 'succeeded'::text)))),
    CONSTRAINT payment_state_is_known CHECK (((state)::text = ANY (((ARRAY['created'::character varying, 'needs_action'::character varying, 'pending'::character varying, 'unknown'::character varying, 'succeeded'::character varying, 'failed'::character varying, 'cancelled'::character varying])::character varying[])::text[]))),
    CONSTRAINT payment_succeeded_has_a_time CHECK ((((paid_at IS NOT NULL) AND ((state)::text = 'succeeded'::text)) OR ((NOT ((state)::text = 'succeeded'::text)) AND (paid_at IS NULL))))
);

CREATE VIEW "{reports}company_coaching".payments WITH (security_barrier='true') AS
 SELECT p.id,
    p.payer_id AS user_id,
    l.subject_id AS session_id,
    l.share_policy_id AS policy_id,
    reporting_major_units(p.amount, (p.currency)::text) AS amount_paid,
    p.paid_at
   FROM (payments_payment p
     LEFT JOIN orders_line l ON (((l.order_id = p.order_id) AND ((l.kind)::text = 'session'::text))))
  WHERE ((p.state)::text = 'succeeded'::text);

CREATE TABLE schedule_session (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    title character varying(120) NOT NULL,
    description text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    time_zone character varying(64) NOT NULL,
    place character varying(200) NOT NULL,
    join_link character varying(500) NOT NULL,
    capacity integer NOT NULL,
    seats_taken integer NOT NULL,
    price bigint NOT NULL,
    currency character varying(3) NOT NULL,
    status character varying(10) NOT NULL,
    cancelled_at timestamp with time zone,
    cancel_reason character varying(300) NOT NULL,
    source_uid character varying(255) NOT NULL,
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, (((((COALESCE(title, ''::character varying))::text || ' '::text) || COALESCE(description, ''::text)) || ' '::text) || (COALESCE(place, ''::character varying))::text))) STORED,
    cancellation_policy_id uuid NOT NULL,
    coach_id uuid NOT NULL,
    series_id uuid,
    changed_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    version integer DEFAULT 0 NOT NULL,
    busy_from timestamp with time zone,
    busy_until timestamp with time zone,
    format character varying(10) DEFAULT 'class'::character varying NOT NULL,
    is_private boolean DEFAULT false NOT NULL,
    location_id uuid,
    room_id uuid,
    service_id uuid,
    claimed tstzrange GENERATED ALWAYS AS (
CASE
    WHEN ((status)::text = 'cancelled'::text) THEN tstzrange(starts_at, starts_at, '[)'::text)
    ELSE tstzrange(COALESCE(busy_from, starts_at), COALESCE(busy_until, ends_at), '[)'::text)
END) STORED,
    is_together boolean DEFAULT false NOT NULL,
    seats_kept integer DEFAULT 0 NOT NULL,
    creator_id uuid,
    CONSTRAINT schedule_session_capacity_check CHECK ((capacity >= 0)),
    CONSTRAINT schedule_session_seats_kept_check CHECK ((seats_kept >= 0)),
    CONSTRAINT schedule_session_seats_taken_check CHECK ((seats_taken >= 0)),
    CONSTRAINT schedule_session_version_check CHECK ((version >= 0)),
    CONSTRAINT session_booked_as_a_slot_has_a_service CHECK (((NOT is_private) OR (service_id IS NOT NULL))),
    CONSTRAINT session_cancelled_has_a_time CHECK ((((cancelled_at IS NOT NULL) AND ((status)::text = 'cancelled'::text)) OR ((NOT ((status)::text = 'cancelled'::text)) AND (cancelled_at IS NULL)))),
    CONSTRAINT session_ends_after_it_starts CHECK ((ends_at > starts_at)),
    CONSTRAINT session_has_a_seat CHECK ((capacity >= 1)),
    CONSTRAINT session_is_within_its_busy_time CHECK ((((busy_from IS NULL) AND (busy_until IS NULL)) OR ((busy_from <= starts_at) AND (busy_until >= ends_at)))),
    CONSTRAINT session_keeps_seats_while_planned CHECK (((seats_kept = 0) OR ((status)::text = 'planned'::text))),
    CONSTRAINT session_price_is_not_negative CHECK ((price >= 0)),
    CONSTRAINT session_seats_kept_are_taken CHECK ((seats_kept <= seats_taken)),
    CONSTRAINT session_seats_within_capacity CHECK ((seats_taken <= capacity))
);

CREATE VIEW "{reports}company_coaching".sessions WITH (security_barrier='true') AS
 SELECT id,
    coach_id,
    (title)::text AS title,
    starts_at AS scheduled_at,
    reporting_major_units(price, (currency)::text) AS price,
    upper((status)::text) AS status
   FROM schedule_session s;

CREATE TABLE orders_order (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    number character varying(12) NOT NULL,
    currency character varying(3) NOT NULL,
    state character varying(6) NOT NULL,
    settled_at timestamp with time zone,
    buyer_id uuid NOT NULL,
    CONSTRAINT order_settled_when_not_open CHECK ((((settled_at IS NULL) AND ((state)::text = 'open'::text)) OR ((settled_at IS NOT NULL) AND ((state)::text = ANY (((ARRAY['paid'::character varying, 'void'::character varying])::character varying[])::text[])))))
);

CREATE TABLE people_participant (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(120) NOT NULL,
    user_id uuid,
    guest_of_id uuid,
    left_out_at timestamp with time zone,
    is_visitor boolean DEFAULT false NOT NULL,
    CONSTRAINT participant_is_somebodys CHECK ((((guest_of_id IS NULL) AND (NOT is_visitor) AND (left_out_at IS NULL) AND (user_id IS NOT NULL)) OR ((guest_of_id IS NOT NULL) AND (NOT is_visitor) AND (user_id IS NULL)) OR ((guest_of_id IS NULL) AND is_visitor AND (left_out_at IS NULL) AND (user_id IS NULL))))
);

CREATE TABLE schedule_booking (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    state character varying(10) NOT NULL,
    policy jsonb NOT NULL,
    held_until timestamp with time zone,
    waitlisted_at timestamp with time zone,
    confirmed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    ending character varying(12) NOT NULL,
    reminded_at timestamp with time zone,
    booked_by_id uuid NOT NULL,
    line_id uuid,
    participant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    moved_at timestamp with time zone,
    answers jsonb DEFAULT '[]'::jsonb NOT NULL,
    ends_at timestamp with time zone,
    starts_at timestamp with time zone,
    policy_rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    reschedules smallint DEFAULT 0 NOT NULL,
    awaits_approval boolean DEFAULT false NOT NULL,
    rescheduled_at timestamp with time zone,
    sequence integer DEFAULT 0 NOT NULL,
    asked_price bigint,
    party uuid,
    passed_over smallint DEFAULT 0 NOT NULL,
    CONSTRAINT booking_cancelled_has_a_time CHECK ((((cancelled_at IS NOT NULL) AND ((state)::text = 'cancelled'::text)) OR ((NOT ((state)::text = 'cancelled'::text)) AND (cancelled_at IS NULL)))),
    CONSTRAINT booking_confirmed_is_ordered CHECK (((NOT ((state)::text = ANY (((ARRAY['confirmed'::character varying, 'attended'::character varying, 'no_show'::character varying])::character varying[])::text[]))) OR ((confirmed_at IS NOT NULL) AND (line_id IS NOT NULL)))),
    CONSTRAINT booking_held_has_an_end CHECK ((((held_until IS NOT NULL) AND ((state)::text = ANY (((ARRAY['held'::character varying, 'offered'::character varying])::character varying[])::text[]))) OR ((NOT ((state)::text = ANY (((ARRAY['held'::character varying, 'offered'::character varying])::character varying[])::text[]))) AND (held_until IS NULL)))),
    CONSTRAINT booking_is_moved_as_often_as_allowed CHECK (((reschedules = 0) OR (reschedules <= ((policy_rules ->> 'reschedules'::text))::integer))),
    CONSTRAINT booking_passed_over_is_of_a_party CHECK (((passed_over = 0) OR (party IS NOT NULL))),
    CONSTRAINT booking_that_awaits_approval_is_not_ordered CHECK (((NOT awaits_approval) OR ((line_id IS NULL) AND ((state)::text = ANY (((ARRAY['held'::character varying, 'cancelled'::character varying])::character varying[])::text[]))))),
    CONSTRAINT booking_waits_since CHECK (((NOT ((state)::text = 'waitlisted'::text)) OR (waitlisted_at IS NOT NULL))),
    CONSTRAINT schedule_booking_passed_over_check CHECK ((passed_over >= 0)),
    CONSTRAINT schedule_booking_reschedules_check CHECK ((reschedules >= 0)),
    CONSTRAINT schedule_booking_sequence_check CHECK ((sequence >= 0))
);

CREATE VIEW "{reports}company_coaching".subscriptions WITH (security_barrier='true') AS
 SELECT b.id,
    COALESCE(p.user_id, b.booked_by_id) AS user_id,
    b.session_id,
    o.created_at AS subscribed_at,
    b.cancelled_at
   FROM (((schedule_booking b
     JOIN people_participant p ON ((p.id = b.participant_id)))
     JOIN orders_line l ON ((l.id = b.line_id)))
     JOIN orders_order o ON ((o.id = l.order_id)));

CREATE TABLE people_rolegrant (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    role character varying(12) NOT NULL,
    granted_by_id uuid,
    user_id uuid NOT NULL,
    CONSTRAINT role_grant_is_known CHECK (((role)::text = ANY (((ARRAY['admin'::character varying, 'coach'::character varying])::character varying[])::text[])))
);

CREATE TABLE people_user (
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    email character varying(254) NOT NULL,
    name character varying(120) NOT NULL,
    time_zone character varying(64) NOT NULL,
    locale character varying(10) NOT NULL,
    disabled_at timestamp with time zone,
    is_active boolean GENERATED ALWAYS AS ((disabled_at IS NULL)) STORED,
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, (((COALESCE(name, ''::character varying))::text || ' '::text) || (COALESCE(email, ''::character varying))::text))) STORED
);

CREATE VIEW "{reports}company_coaching".users WITH (security_barrier='true') AS
 SELECT id,
    (email)::text AS email,
    NULL::text AS password_hash,
        CASE
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'admin'::text)))) THEN 'ADMIN'::text
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) THEN 'COACH'::text
            ELSE 'USER'::text
        END AS role,
    created_at,
    disabled_at
   FROM people_user u;

CREATE TABLE schedule_availability (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    weekday smallint NOT NULL,
    opens smallint NOT NULL,
    closes smallint NOT NULL,
    starts_on date,
    ends_on date,
    coach_id uuid NOT NULL,
    location_id uuid,
    CONSTRAINT availability_closes_after_it_opens CHECK (((closes > opens) AND (closes <= 1440))),
    CONSTRAINT availability_ends_after_it_starts CHECK (((starts_on IS NULL) OR (ends_on IS NULL) OR (ends_on >= starts_on))),
    CONSTRAINT availability_is_on_a_weekday CHECK ((weekday <= 6)),
    CONSTRAINT schedule_availability_closes_check CHECK ((closes >= 0)),
    CONSTRAINT schedule_availability_opens_check CHECK ((opens >= 0)),
    CONSTRAINT schedule_availability_weekday_check CHECK ((weekday >= 0))
);

CREATE TABLE schedule_service (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    description text NOT NULL,
    format character varying(10) NOT NULL,
    durations smallint[] NOT NULL,
    price_basis character varying(8) NOT NULL,
    currency character varying(3) NOT NULL,
    capacity smallint NOT NULL,
    buffer_before smallint NOT NULL,
    buffer_after smallint NOT NULL,
    notice_minutes integer NOT NULL,
    window_days smallint NOT NULL,
    step_minutes smallint NOT NULL,
    most_per_day smallint,
    most_per_week smallint,
    coaches_rule character varying(8) NOT NULL,
    open_to character varying(10) NOT NULL,
    needs_approval boolean NOT NULL,
    questions jsonb NOT NULL,
    join_link character varying(500) NOT NULL,
    is_offered boolean NOT NULL,
    version integer DEFAULT 0 NOT NULL,
    cancellation_policy_id uuid,
    repeats_intro boolean DEFAULT false NOT NULL,
    most_in_series smallint DEFAULT 1 NOT NULL,
    creator_id uuid,
    CONSTRAINT schedule_service_buffer_after_check CHECK ((buffer_after >= 0)),
    CONSTRAINT schedule_service_buffer_before_check CHECK ((buffer_before >= 0)),
    CONSTRAINT schedule_service_capacity_check CHECK ((capacity >= 0)),
    CONSTRAINT schedule_service_most_in_series_check CHECK ((most_in_series >= 0)),
    CONSTRAINT schedule_service_most_per_day_check CHECK ((most_per_day >= 0)),
    CONSTRAINT schedule_service_most_per_week_check CHECK ((most_per_week >= 0)),
    CONSTRAINT schedule_service_notice_minutes_check CHECK ((notice_minutes >= 0)),
    CONSTRAINT schedule_service_step_minutes_check CHECK ((step_minutes >= 0)),
    CONSTRAINT schedule_service_version_check CHECK ((version >= 0)),
    CONSTRAINT schedule_service_window_days_check CHECK ((window_days >= 0)),
    CONSTRAINT service_capacity_is_within CHECK (((capacity >= 1) AND (capacity <= 50))),
    CONSTRAINT service_has_a_duration CHECK ((
CASE
    WHEN (durations IS NULL) THEN NULL::integer
    ELSE COALESCE(array_length(durations, 1), 0)
END >= 1)),
    CONSTRAINT service_limits_are_positive CHECK ((((most_per_day IS NULL) OR (most_per_day >= 1)) AND ((most_per_week IS NULL) OR (most_per_week >= 1)))),
    CONSTRAINT service_series_is_within CHECK (((most_in_series >= 1) AND (most_in_series <= 26))),
    CONSTRAINT service_step_is_within CHECK ((step_minutes >= 5)),
    CONSTRAINT service_window_is_within CHECK (((window_days >= 1) AND (window_days <= 365)))
);

CREATE TABLE schedule_servicecoach (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    place smallint NOT NULL,
    coach_id uuid NOT NULL,
    service_id uuid NOT NULL,
    CONSTRAINT schedule_servicecoach_place_check CHECK ((place >= 0))
);

CREATE VIEW "{reports}fitness_coaching"."CoachAvailability" WITH (security_barrier='true') AS
 SELECT id,
    coach_id,
    (weekday)::integer AS day_of_week,
        CASE
            WHEN (opens = 1440) THEN '23:59:59'::time without time zone
            ELSE make_time((opens / 60), ((opens)::integer % 60), (0)::double precision)
        END AS start_time,
        CASE
            WHEN (closes = 1440) THEN '23:59:59'::time without time zone
            ELSE make_time((closes / 60), ((closes)::integer % 60), (0)::double precision)
        END AS end_time,
    (( SELECT max(s.capacity) AS max
           FROM (schedule_servicecoach c
             JOIN schedule_service s ON ((s.id = c.service_id)))
          WHERE ((c.coach_id = a.coach_id) AND s.is_offered)))::integer AS capacity
   FROM schedule_availability a;

CREATE TABLE schedule_sessionreview (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    side character varying(11) NOT NULL,
    rating smallint NOT NULL,
    comment text NOT NULL,
    edited_at timestamp with time zone,
    told_at timestamp with time zone,
    author_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    CONSTRAINT review_is_of_somebody_else CHECK ((NOT (author_id = subject_id))),
    CONSTRAINT review_is_one_to_five CHECK (((rating >= 1) AND (rating <= 5))),
    CONSTRAINT review_side_is_known CHECK (((side)::text = ANY (((ARRAY['participant'::character varying, 'coach'::character varying])::character varying[])::text[]))),
    CONSTRAINT schedule_sessionreview_rating_check CHECK ((rating >= 0))
);

CREATE VIEW "{reports}fitness_coaching"."SessionParticipants" WITH (security_barrier='true') AS
 SELECT b.session_id,
    COALESCE(p.user_id, b.booked_by_id) AS customer_id,
        CASE b.state
            WHEN 'waitlisted'::text THEN 'WAITLIST'::text
            ELSE 'PRIMARY'::text
        END AS role,
    (b.state)::text AS attendance_status,
    (r.rating)::integer AS feedback_score
   FROM (((schedule_booking b
     JOIN people_participant p ON ((p.id = b.participant_id)))
     JOIN schedule_session s ON ((s.id = b.session_id)))
     LEFT JOIN schedule_sessionreview r ON (((r.session_id = b.session_id) AND (r.participant_id = b.participant_id) AND ((r.side)::text = 'participant'::text) AND ((s.ends_at <= (now() - '7 days'::interval)) OR (EXISTS ( SELECT
           FROM schedule_sessionreview other
          WHERE ((other.session_id = r.session_id) AND (other.participant_id = r.participant_id) AND ((other.side)::text = 'coach'::text))))))))
  WHERE (((b.state)::text <> 'cancelled'::text) AND (NOT b.awaits_approval));

CREATE VIEW "{reports}fitness_coaching"."Sessions" WITH (security_barrier='true') AS
 SELECT id,
        CASE
            WHEN ((format)::text = 'class'::text) THEN 'CLASS'::text
            WHEN ((format)::text = 'hybrid'::text) THEN 'HYBRID'::text
            WHEN ((format)::text = 'virtual'::text) THEN 'VIRTUAL'::text
            ELSE 'ONE_ON_ONE'::text
        END AS session_type,
    starts_at AS start_time,
    ends_at AS end_time,
    (time_zone)::text AS timezone,
    NULLIF((place)::text, ''::text) AS location,
    NULLIF((join_link)::text, ''::text) AS join_link,
    capacity,
    (status)::text AS status
   FROM schedule_session s
  WHERE ((NOT is_private) OR (EXISTS ( SELECT
           FROM schedule_booking b
          WHERE ((b.session_id = s.id) AND (NOT b.awaits_approval)))));

CREATE TABLE audit_auditlog (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    actor_id uuid,
    actor_name character varying(200) NOT NULL,
    action character varying(80) NOT NULL,
    object_type character varying(80) NOT NULL,
    object_id uuid NOT NULL,
    object_name character varying(200) NOT NULL,
    before jsonb,
    after jsonb,
    via character varying(10) NOT NULL,
    address inet,
    agent character varying(200) NOT NULL,
    request_id character varying(32) NOT NULL,
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, (((((COALESCE(actor_name, ''::character varying))::text || ' '::text) || COALESCE(replace((action)::text, '.'::text, ' '::text), ''::text)) || ' '::text) || (COALESCE(object_name, ''::character varying))::text))) STORED
);

CREATE VIEW "{reports}fitness_coaching"."WaitlistEntries" WITH (security_barrier='true') AS
 SELECT b.id,
    b.session_id,
    COALESCE(p.user_id, b.booked_by_id) AS customer_id,
    b.waitlisted_at AS joined_at,
    ( SELECT min(a.created_at) AS min
           FROM audit_auditlog a
          WHERE ((a.object_id = b.id) AND ((a.action)::text = 'booking.offered'::text))) AS promoted_at
   FROM ((schedule_booking b
     JOIN people_participant p ON ((p.id = b.participant_id)))
     JOIN schedule_session s ON ((s.id = b.session_id)))
  WHERE ((b.waitlisted_at IS NOT NULL) AND (NOT s.is_private));

CREATE TABLE payments_autotopup (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    is_on boolean NOT NULL,
    threshold bigint NOT NULL,
    kind character varying(6) NOT NULL,
    amount bigint NOT NULL,
    daily_cap bigint NOT NULL,
    currency character varying(3) NOT NULL,
    failed_times smallint NOT NULL,
    paused_until timestamp with time zone,
    failure_code character varying(60) NOT NULL,
    low_below bigint,
    low_since timestamp with time zone,
    changed_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    method_id uuid,
    user_id uuid NOT NULL,
    CONSTRAINT auto_top_up_amounts_are_positive CHECK (((amount > 0) AND (daily_cap > 0) AND (threshold > 0))),
    CONSTRAINT auto_top_up_cap_holds_one CHECK ((((kind)::text = 'target'::text) OR (daily_cap >= amount))),
    CONSTRAINT auto_top_up_is_low_below_something CHECK (((low_since IS NULL) OR (low_below IS NOT NULL))),
    CONSTRAINT auto_top_up_kind_is_known CHECK (((kind)::text = ANY (((ARRAY['fixed'::character varying, 'target'::character varying])::character varying[])::text[]))),
    CONSTRAINT auto_top_up_low_is_positive CHECK (((low_below IS NULL) OR (low_below > 0))),
    CONSTRAINT auto_top_up_on_has_a_method CHECK (((NOT is_on) OR (method_id IS NOT NULL))),
    CONSTRAINT auto_top_up_pauses_only_after_a_failure CHECK (((paused_until IS NULL) OR (is_on AND (NOT ((failure_code)::text = ''::text))))),
    CONSTRAINT auto_top_up_target_is_above_threshold CHECK ((((kind)::text = 'fixed'::text) OR (amount > threshold))),
    CONSTRAINT payments_autotopup_failed_times_check CHECK ((failed_times >= 0))
);

CREATE VIEW "{reports}pay_per_minute".auto_top_up_settings WITH (security_barrier='true') AS
 SELECT id,
    user_id,
    is_on AS enabled,
    reporting_major_units(threshold, (currency)::text) AS threshold,
    reporting_major_units(amount, (currency)::text) AS amount,
    (method_id)::text AS payment_method_id,
    created_at,
    changed_at AS updated_at
   FROM payments_autotopup a;

CREATE TABLE payments_dispute (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    reference character varying(120) NOT NULL,
    state character varying(4) NOT NULL,
    amount bigint NOT NULL,
    currency character varying(3) NOT NULL,
    taken bigint NOT NULL,
    fee bigint NOT NULL,
    lost bigint NOT NULL,
    decided_at timestamp with time zone,
    payment_id uuid NOT NULL,
    CONSTRAINT dispute_amounts_are_not_negative CHECK (((amount >= 0) AND (lost >= 0))),
    CONSTRAINT dispute_decided_has_a_time CHECK ((((decided_at IS NULL) AND ((state)::text = 'open'::text)) OR ((decided_at IS NOT NULL) AND ((state)::text = ANY (((ARRAY['won'::character varying, 'lost'::character varying])::character varying[])::text[])))))
);

CREATE TABLE payments_grant (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    amount bigint NOT NULL,
    currency character varying(3) NOT NULL,
    reason character varying(120) NOT NULL,
    given_by_id uuid,
    owner_id uuid NOT NULL,
    taken_back_by_id uuid,
    CONSTRAINT grant_amount_is_within CHECK (((amount > 0) AND (amount <= '1000000000000'::bigint)))
);

CREATE TABLE payments_payout (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    method character varying(10) NOT NULL,
    source character varying(10) NOT NULL,
    amount bigint NOT NULL,
    fee bigint NOT NULL,
    settled bigint NOT NULL,
    cost bigint NOT NULL,
    currency character varying(3) NOT NULL,
    state character varying(10) NOT NULL,
    is_automatic boolean NOT NULL,
    needs_second boolean NOT NULL,
    approved_at timestamp with time zone,
    sent_at timestamp with time zone,
    ended_at timestamp with time zone,
    reference character varying(120),
    word character varying(300) NOT NULL,
    failure_code character varying(60) NOT NULL,
    approved_by_id uuid,
    payee_id uuid NOT NULL,
    seconded_by_id uuid,
    account_id uuid NOT NULL,
    batch_id uuid,
    asked_at timestamp with time zone,
    CONSTRAINT payout_ended_has_a_time CHECK ((((ended_at IS NULL) AND ((state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying])::character varying[])::text[]))) OR ((NOT ((state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying])::character varying[])::text[]))) AND (ended_at IS NOT NULL)))),
    CONSTRAINT payout_is_approved_by_somebody_else CHECK ((((approved_by_id IS NULL) OR (NOT ((approved_by_id = payee_id) AND (approved_by_id IS NOT NULL)))) AND ((seconded_by_id IS NULL) OR (NOT ((seconded_by_id = payee_id) AND (seconded_by_id IS NOT NULL)))))),
    CONSTRAINT payout_is_approved_by_two CHECK (((seconded_by_id IS NULL) OR ((approved_by_id IS NOT NULL) AND (NOT ((seconded_by_id = approved_by_id) AND (seconded_by_id IS NOT NULL) AND (approved_by_id IS NOT NULL)))))),
    CONSTRAINT payout_leaves_approved CHECK ((((state)::text = ANY (((ARRAY['asked'::character varying, 'rejected'::character varying, 'cancelled'::character varying])::character varying[])::text[])) OR ((approved_at IS NOT NULL) AND (approved_by_id IS NOT NULL) AND ((NOT needs_second) OR (seconded_by_id IS NOT NULL))))),
    CONSTRAINT payout_sends_something CHECK (((amount > fee) AND (cost >= 0) AND (fee >= 0) AND (settled >= 0))),
    CONSTRAINT payout_sent_has_a_time CHECK ((((sent_at IS NOT NULL) AND ((state)::text = ANY (((ARRAY['sent'::character varying, 'done'::character varying, 'failed'::character varying])::character varying[])::text[]))) OR ((NOT ((state)::text = ANY (((ARRAY['sent'::character varying, 'done'::character varying, 'failed'::character varying])::character varying[])::text[]))) AND (sent_at IS NULL)))),
    CONSTRAINT payout_settles_from_earnings CHECK ((((source)::text = 'earnings'::text) OR ((settled = 0) AND ((source)::text = 'wallet'::text)))),
    CONSTRAINT payout_state_is_known CHECK (((state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying, 'done'::character varying, 'failed'::character varying, 'rejected'::character varying, 'cancelled'::character varying])::character varying[])::text[])))
);

CREATE TABLE payments_refund (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    line_id uuid,
    description character varying(200) NOT NULL,
    origin character varying(12) NOT NULL,
    asked bigint NOT NULL,
    amount bigint NOT NULL,
    company bigint NOT NULL,
    credit bigint NOT NULL,
    wallet bigint NOT NULL,
    own bigint NOT NULL,
    currency character varying(3) NOT NULL,
    "to" character varying(6) NOT NULL,
    reason character varying(500) NOT NULL,
    state character varying(10) NOT NULL,
    by_policy boolean NOT NULL,
    reviewed_at timestamp with time zone,
    word character varying(300) NOT NULL,
    attempt smallint NOT NULL,
    sent_at timestamp with time zone,
    asked_at timestamp with time zone,
    ended_at timestamp with time zone,
    reference character varying(120),
    failure_code character varying(60) NOT NULL,
    marked_by_id uuid,
    payment_id uuid,
    reviewed_by_id uuid,
    user_id uuid NOT NULL,
    sponsor bigint DEFAULT 0 NOT NULL,
    CONSTRAINT payments_refund_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT refund_ended_has_a_time CHECK ((((ended_at IS NOT NULL) AND ((state)::text = ANY (((ARRAY['done'::character varying, 'rejected'::character varying, 'withdrawn'::character varying])::character varying[])::text[]))) OR ((NOT ((state)::text = ANY (((ARRAY['done'::character varying, 'rejected'::character varying, 'withdrawn'::character varying])::character varying[])::text[]))) AND (ended_at IS NULL)))),
    CONSTRAINT refund_granted_has_an_amount CHECK ((((amount > 0) AND ((state)::text = ANY (((ARRAY['approved'::character varying, 'sent'::character varying, 'done'::character varying, 'failed'::character varying])::character varying[])::text[]))) OR ((NOT ((state)::text = ANY (((ARRAY['approved'::character varying, 'sent'::character varying, 'done'::character varying, 'failed'::character varying])::character varying[])::text[]))) AND (amount = 0)))),
    CONSTRAINT refund_grants_no_more_than_was_asked CHECK (((amount <= asked) AND (asked > 0))),
    CONSTRAINT refund_is_decided_at_a_time CHECK ((((NOT by_policy) AND (reviewed_at IS NULL) AND (reviewed_by_id IS NULL) AND ((state)::text = ANY (((ARRAY['asked'::character varying, 'withdrawn'::character varying])::character varying[])::text[]))) OR ((NOT ((state)::text = ANY (((ARRAY['asked'::character varying, 'withdrawn'::character varying])::character varying[])::text[]))) AND (reviewed_at IS NOT NULL) AND ((by_policy AND (reviewed_by_id IS NULL)) OR ((NOT by_policy) AND (reviewed_by_id IS NOT NULL)))))),
    CONSTRAINT refund_is_decided_by_somebody_else CHECK ((((reviewed_by_id IS NULL) OR (NOT ((reviewed_by_id = user_id) AND (reviewed_by_id IS NOT NULL)))) AND ((marked_by_id IS NULL) OR (NOT ((marked_by_id = user_id) AND (marked_by_id IS NOT NULL)))))),
    CONSTRAINT refund_is_of_something CHECK (((line_id IS NOT NULL) OR ((company = 0) AND (credit = 0) AND (payment_id IS NOT NULL) AND (sponsor = 0) AND (("to")::text = ANY (((ARRAY['method'::character varying, 'wallet'::character varying])::character varying[])::text[])) AND (wallet = 0)))),
    CONSTRAINT refund_parts_are_not_negative CHECK (((company >= 0) AND (credit >= 0) AND (own >= 0) AND (sponsor >= 0) AND (wallet >= 0))),
    CONSTRAINT refund_parts_sum_to_its_amount CHECK ((amount = ((((company + credit) + wallet) + own) + sponsor))),
    CONSTRAINT refund_sent_has_a_time CHECK (((NOT ((state)::text = ANY (((ARRAY['sent'::character varying, 'failed'::character varying])::character varying[])::text[]))) OR (sent_at IS NOT NULL))),
    CONSTRAINT refund_state_is_known CHECK ((((state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying, 'done'::character varying, 'failed'::character varying, 'rejected'::character varying, 'withdrawn'::character varying])::character varying[])::text[])) AND ((origin)::text = ANY (((ARRAY['request'::character varying, 'admin'::character varying, 'cancellation'::character varying, 'dispute'::character varying])::character varying[])::text[])) AND (("to")::text = ANY (((ARRAY['credit'::character varying, 'wallet'::character varying, 'method'::character varying])::character varying[])::text[])))),
    CONSTRAINT refund_waits_only_where_it_leaves CHECK (((NOT ((state)::text = ANY (((ARRAY['approved'::character varying, 'sent'::character varying, 'failed'::character varying])::character varying[])::text[]))) OR ((own > 0) AND (payment_id IS NOT NULL) AND (("to")::text = 'method'::text))))
);

CREATE VIEW "{reports}pay_per_minute".transactions WITH (security_barrier='true') AS
 SELECT p.id,
    p.payer_id AS user_id,
        CASE p.purpose
            WHEN 'top_up'::text THEN ( SELECT w.id
               FROM ledger_account w
              WHERE ((w.owner_id = p.payer_id) AND ((w.currency)::text = (p.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
              ORDER BY w.id
             LIMIT 1)
            ELSE NULL::uuid
        END AS wallet_id,
        CASE p.purpose
            WHEN 'top_up'::text THEN 'topup'::text
            WHEN 'order'::text THEN 'payment'::text
            ELSE NULL::text
        END AS type,
    reporting_major_units(p.amount, (p.currency)::text) AS amount,
    (p.currency)::text AS currency,
        CASE p.state
            WHEN 'created'::text THEN 'pending'::text
            WHEN 'needs_action'::text THEN 'pending'::text
            WHEN 'pending'::text THEN 'pending'::text
            WHEN 'unknown'::text THEN 'pending'::text
            WHEN 'succeeded'::text THEN 'completed'::text
            WHEN 'failed'::text THEN 'failed'::text
            WHEN 'cancelled'::text THEN 'cancelled'::text
            ELSE NULL::text
        END AS status,
    (
        CASE p.provider
            WHEN 'stripe'::text THEN 'card'::character varying
            WHEN 'sandbox'::text THEN 'card'::character varying
            WHEN 'transfer'::text THEN 'bank'::character varying
            ELSE p.provider
        END)::text AS payment_method,
    (p.description)::text AS description,
    jsonb_strip_nulls(jsonb_build_object('provider', p.provider, 'reference', p.reference, 'order_id', p.order_id, 'failure_code', NULLIF((p.failure_code)::text, ''::text))) AS metadata,
    p.created_at,
    p.paid_at AS completed_at
   FROM payments_payment p
UNION ALL
 SELECT g.id,
    g.owner_id AS user_id,
    ( SELECT w.id
           FROM ledger_account w
          WHERE ((w.owner_id = g.owner_id) AND ((w.currency)::text = (g.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
          ORDER BY w.id
         LIMIT 1) AS wallet_id,
    'topup'::text AS type,
    reporting_major_units(g.amount, (g.currency)::text) AS amount,
    (g.currency)::text AS currency,
        CASE
            WHEN (g.taken_back_by_id IS NULL) THEN 'completed'::text
            ELSE 'cancelled'::text
        END AS status,
    NULL::text AS payment_method,
    (g.reason)::text AS description,
    jsonb_strip_nulls(jsonb_build_object('given_by', g.given_by_id, 'taken_back_by', g.taken_back_by_id)) AS metadata,
    g.created_at,
        CASE
            WHEN (g.taken_back_by_id IS NULL) THEN g.created_at
            ELSE NULL::timestamp with time zone
        END AS completed_at
   FROM payments_grant g
UNION ALL
 SELECT l.id,
    o.buyer_id AS user_id,
    ( SELECT w.id
           FROM ledger_account w
          WHERE ((w.owner_id = o.buyer_id) AND ((w.currency)::text = (o.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
          ORDER BY w.id
         LIMIT 1) AS wallet_id,
    'payment'::text AS type,
    reporting_major_units(l.wallet_spent, (o.currency)::text) AS amount,
    (o.currency)::text AS currency,
        CASE o.state
            WHEN 'open'::text THEN 'pending'::text
            WHEN 'paid'::text THEN 'completed'::text
            WHEN 'void'::text THEN 'cancelled'::text
            ELSE NULL::text
        END AS status,
    'wallet'::text AS payment_method,
    (l.description)::text AS description,
    jsonb_build_object('order_id', o.id) AS metadata,
    o.created_at,
        CASE o.state
            WHEN 'paid'::text THEN o.settled_at
            ELSE NULL::timestamp with time zone
        END AS completed_at
   FROM (orders_line l
     JOIN orders_order o ON ((o.id = l.order_id)))
  WHERE (l.wallet_spent > 0)
UNION ALL
 SELECT p.id,
    p.payee_id AS user_id,
        CASE p.source
            WHEN 'wallet'::text THEN ( SELECT w.id
               FROM ledger_account w
              WHERE ((w.owner_id = p.payee_id) AND ((w.currency)::text = (p.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
              ORDER BY w.id
             LIMIT 1)
            ELSE NULL::uuid
        END AS wallet_id,
    'withdrawal'::text AS type,
    reporting_major_units(p.amount, (p.currency)::text) AS amount,
    (p.currency)::text AS currency,
        CASE p.state
            WHEN 'asked'::text THEN 'pending'::text
            WHEN 'approved'::text THEN 'pending'::text
            WHEN 'sent'::text THEN 'pending'::text
            WHEN 'done'::text THEN 'completed'::text
            WHEN 'failed'::text THEN 'failed'::text
            WHEN 'rejected'::text THEN 'failed'::text
            WHEN 'cancelled'::text THEN 'cancelled'::text
            ELSE NULL::text
        END AS status,
        CASE p.method
            WHEN 'sepa'::text THEN 'bank'::text
            WHEN 'stripe'::text THEN 'bank'::text
            WHEN 'manual'::text THEN 'bank'::text
            WHEN 'paypal'::text THEN 'paypal'::text
            WHEN 'crypto'::text THEN 'crypto'::text
            ELSE NULL::text
        END AS payment_method,
    NULLIF((p.word)::text, ''::text) AS description,
    jsonb_strip_nulls(jsonb_build_object('source', p.source, 'reference', p.reference, 'failure_code', NULLIF((p.failure_code)::text, ''::text))) AS metadata,
    p.created_at,
        CASE p.state
            WHEN 'done'::text THEN p.ended_at
            ELSE NULL::timestamp with time zone
        END AS completed_at
   FROM payments_payout p
UNION ALL
 SELECT t.id,
    a.owner_id AS user_id,
    ( SELECT w.id
           FROM ledger_account w
          WHERE ((w.owner_id = a.owner_id) AND ((w.currency)::text = (a.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
          ORDER BY w.id
         LIMIT 1) AS wallet_id,
    'refund'::text AS type,
    reporting_major_units(t.amount, (t.currency)::text) AS amount,
    (t.currency)::text AS currency,
    'completed'::text AS status,
    'wallet'::text AS payment_method,
    (COALESCE(l.description, r.description))::text AS description,
    jsonb_strip_nulls(jsonb_build_object('order_id', l.order_id)) AS metadata,
    t.created_at,
    t.created_at AS completed_at
   FROM (((ledger_transfer t
     JOIN ledger_account a ON ((a.id = t.credit_id)))
     LEFT JOIN orders_line l ON ((l.id = t.subject_id)))
     LEFT JOIN payments_refund r ON ((r.id = t.subject_id)))
  WHERE ((t.kind)::text = ANY (((ARRAY['wallet_restore'::character varying, 'wallet_refund'::character varying])::character varying[])::text[]))
UNION ALL
 SELECT p.id,
    p.user_id,
        CASE
            WHEN (p.is_top_up AND p.is_granted) THEN ( SELECT w.id
               FROM ledger_account w
              WHERE ((w.owner_id = p.user_id) AND ((w.currency)::text = (p.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
              ORDER BY w.id
             LIMIT 1)
            ELSE NULL::uuid
        END AS wallet_id,
        CASE
            WHEN p.is_top_up THEN 'withdrawal'::text
            ELSE 'refund'::text
        END AS type,
    reporting_major_units(p.given, (p.currency)::text) AS amount,
    (p.currency)::text AS currency,
        CASE
            WHEN ((p.state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying, 'failed'::character varying])::character varying[])::text[])) THEN 'pending'::text
            WHEN (((p.state)::text = 'done'::text) AND p.is_top_up AND ((p.goes_to)::text = 'wallet'::text)) THEN 'cancelled'::text
            WHEN ((p.state)::text = 'done'::text) THEN 'completed'::text
            WHEN ((p.state)::text = 'rejected'::text) THEN 'failed'::text
            WHEN ((p.state)::text = 'withdrawn'::text) THEN 'cancelled'::text
            ELSE NULL::text
        END AS status,
    (
        CASE
            WHEN ((p.goes_to)::text = 'method'::text) THEN
            CASE p.provider
                WHEN 'stripe'::text THEN 'card'::character varying
                WHEN 'sandbox'::text THEN 'card'::character varying
                WHEN 'transfer'::text THEN 'bank'::character varying
                ELSE p.provider
            END
            ELSE p.goes_to
        END)::text AS payment_method,
    (p.description)::text AS description,
    jsonb_strip_nulls(jsonb_build_object('payment_id', p.payment_id, 'line_id', p.line_id, 'reference', p.reference, 'reason', NULLIF((p.reason)::text, ''::text), 'failure_code', NULLIF((p.failure_code)::text, ''::text))) AS metadata,
    p.created_at,
        CASE
            WHEN (((p.state)::text = 'done'::text) AND (NOT (p.is_top_up AND ((p.goes_to)::text = 'wallet'::text)))) THEN p.ended_at
            ELSE NULL::timestamp with time zone
        END AS completed_at
   FROM ( SELECT r.id,
            r.user_id,
            r.payment_id,
            r.line_id,
            r.provider,
            r.state,
            r.currency,
            r.description,
            r.reference,
            r.reason,
            r.failure_code,
            r.created_at,
            r.ended_at,
            r."to" AS goes_to,
            ((r.line_id IS NULL) AND ((m.purpose)::text = 'top_up'::text)) AS is_top_up,
            (r.amount > 0) AS is_granted,
                CASE
                    WHEN (r.amount = 0) THEN r.asked
                    WHEN (((r.line_id IS NOT NULL) OR ((m.purpose)::text = 'order'::text)) AND ((r."to")::text = 'wallet'::text)) THEN r.credit
                    ELSE (r.credit + r.own)
                END AS given
           FROM (payments_refund r
             LEFT JOIN payments_payment m ON ((m.id = r.payment_id)))) p
  WHERE (p.given > 0)
UNION ALL
 SELECT t.id,
    a.owner_id AS user_id,
    ( SELECT w.id
           FROM ledger_account w
          WHERE ((w.owner_id = a.owner_id) AND ((w.currency)::text = (a.currency)::text) AND ((w.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[])))
          ORDER BY w.id
         LIMIT 1) AS wallet_id,
    'withdrawal'::text AS type,
    reporting_major_units(t.amount, (t.currency)::text) AS amount,
    (t.currency)::text AS currency,
    'completed'::text AS status,
        CASE p.provider
            WHEN 'stripe'::text THEN 'card'::character varying
            WHEN 'sandbox'::text THEN 'card'::character varying
            WHEN 'transfer'::text THEN 'bank'::character varying
            ELSE p.provider
        END AS payment_method,
    (p.description)::text AS description,
    jsonb_strip_nulls(jsonb_build_object('payment_id', p.id, 'reference', d.reference)) AS metadata,
    t.created_at,
    t.created_at AS completed_at
   FROM (((ledger_transfer t
     JOIN ledger_account a ON ((a.id = t.debit_id)))
     JOIN payments_dispute d ON ((d.id = t.subject_id)))
     JOIN payments_payment p ON ((p.id = d.payment_id)))
  WHERE (((t.kind)::text = 'dispute_loss'::text) AND ((a.kind)::text = 'wallet'::text));

CREATE TABLE account_emailaddress (
    id integer NOT NULL,
    email character varying(254) NOT NULL,
    verified boolean NOT NULL,
    "primary" boolean NOT NULL,
    user_id uuid NOT NULL
);

CREATE VIEW "{reports}pay_per_minute".users WITH (security_barrier='true') AS
 SELECT id,
    (email)::text AS email,
    NULL::text AS password_hash,
    (name)::text AS name,
        CASE
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'admin'::text)))) THEN 'admin'::text
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) THEN 'partner'::text
            ELSE 'user'::text
        END AS role,
    (EXISTS ( SELECT
           FROM account_emailaddress e
          WHERE ((e.user_id = u.id) AND e.verified AND (lower((e.email)::text) = lower((u.email)::text))))) AS email_verified,
    NULL::boolean AS onboarding_completed,
    created_at,
    GREATEST(created_at, ( SELECT max(c.created_at) AS max
           FROM audit_auditlog c
          WHERE ((c.object_id = u.id) AND ((c.action)::text ~~ 'user.%'::text) AND ((c.action)::text <> ALL (((ARRAY['user.signed_in'::character varying, 'user.device_signed_out'::character varying, 'user.devices_signed_out'::character varying])::character varying[])::text[]))))) AS updated_at
   FROM people_user u;

CREATE VIEW "{reports}pay_per_minute".wallets WITH (security_barrier='true') AS
 SELECT (array_agg(a.id ORDER BY a.id))[1] AS id,
    a.owner_id AS user_id,
    reporting_major_units((sum(a.balance))::bigint, (a.currency)::text) AS balance,
    (a.currency)::text AS currency,
    NULL::numeric AS average_minute_cost,
    max(GREATEST(a.created_at, debited.at, credited.at)) AS last_updated,
    min(a.created_at) AS created_at
   FROM ((ledger_account a
     CROSS JOIN LATERAL ( SELECT max(t.created_at) AS at
           FROM ledger_transfer t
          WHERE (t.debit_id = a.id)) debited)
     CROSS JOIN LATERAL ( SELECT max(t.created_at) AS at
           FROM ledger_transfer t
          WHERE (t.credit_id = a.id)) credited)
  WHERE ((a.kind)::text = ANY (((ARRAY['wallet'::character varying, 'granted'::character varying])::character varying[])::text[]))
  GROUP BY a.owner_id, a.currency;

CREATE TABLE payments_payoutaccount (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    method character varying(10) NOT NULL,
    holder character varying(70) NOT NULL,
    details bytea NOT NULL,
    masked character varying(300) NOT NULL,
    is_default boolean NOT NULL,
    usable_from timestamp with time zone NOT NULL,
    verified_at timestamp with time zone,
    disabled_at timestamp with time zone,
    owner_id uuid NOT NULL,
    CONSTRAINT payout_account_default_is_live CHECK (((NOT is_default) OR (disabled_at IS NULL))),
    CONSTRAINT payout_account_method_is_known CHECK (((method)::text = ANY (((ARRAY['stripe'::character varying, 'sepa'::character varying, 'paypal'::character varying, 'crypto'::character varying, 'manual'::character varying])::character varying[])::text[])))
);

CREATE VIEW "{reports}pay_per_minute".withdrawals WITH (security_barrier='true') AS
 SELECT p.id,
    p.payee_id AS user_id,
    reporting_major_units(p.amount, (p.currency)::text) AS amount,
    (p.currency)::text AS currency,
        CASE p.method
            WHEN 'sepa'::text THEN 'bank'::text
            WHEN 'stripe'::text THEN 'bank'::text
            WHEN 'manual'::text THEN 'bank'::text
            WHEN 'paypal'::text THEN 'paypal'::text
            WHEN 'crypto'::text THEN 'crypto'::text
            ELSE NULL::text
        END AS method,
        CASE p.state
            WHEN 'asked'::text THEN 'pending'::text
            WHEN 'approved'::text THEN 'processing'::text
            WHEN 'sent'::text THEN 'processing'::text
            WHEN 'done'::text THEN 'completed'::text
            WHEN 'failed'::text THEN 'failed'::text
            WHEN 'rejected'::text THEN 'failed'::text
            WHEN 'cancelled'::text THEN 'failed'::text
            ELSE NULL::text
        END AS status,
        CASE p.method
            WHEN 'sepa'::text THEN jsonb_build_object('holder', a.holder, 'iban', a.masked)
            ELSE NULL::jsonb
        END AS bank_details,
    (
        CASE p.method
            WHEN 'paypal'::text THEN a.masked
            ELSE NULL::character varying
        END)::text AS paypal_email,
    (
        CASE p.method
            WHEN 'crypto'::text THEN a.masked
            ELSE NULL::character varying
        END)::text AS crypto_address,
    p.created_at,
    p.approved_at AS processed_at,
        CASE p.state
            WHEN 'done'::text THEN p.ended_at
            ELSE NULL::timestamp with time zone
        END AS completed_at
   FROM (payments_payout p
     JOIN payments_payoutaccount a ON ((a.id = p.account_id)));

CREATE TABLE schedule_workingterms (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    time_zone character varying(64) NOT NULL,
    holidays_of character varying(12) NOT NULL,
    most_per_day smallint,
    coach_id uuid NOT NULL,
    CONSTRAINT schedule_workingterms_most_per_day_check CHECK ((most_per_day >= 0)),
    CONSTRAINT working_terms_limit_is_positive CHECK (((most_per_day IS NULL) OR (most_per_day >= 1)))
);

CREATE VIEW "{reports}peer_learning".availability WITH (security_barrier='true') AS
 SELECT a.id,
    a.coach_id AS user_id,
    ((a.weekday + 1) % 7) AS day_of_week,
        CASE
            WHEN (a.opens = 1440) THEN '23:59:59'::time without time zone
            ELSE make_time((a.opens / 60), ((a.opens)::integer % 60), (0)::double precision)
        END AS start_time,
        CASE
            WHEN (a.closes = 1440) THEN '23:59:59'::time without time zone
            ELSE make_time((a.closes / 60), ((a.closes)::integer % 60), (0)::double precision)
        END AS end_time,
    COALESCE(NULLIF((t.time_zone)::text, ''::text), (u.time_zone)::text) AS timezone,
    ((a.starts_on IS NULL) AND (a.ends_on IS NULL)) AS is_recurring
   FROM ((schedule_availability a
     JOIN people_user u ON ((u.id = a.coach_id)))
     LEFT JOIN schedule_workingterms t ON ((t.coach_id = a.coach_id)));

CREATE TABLE orders_sponsorship (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    percent smallint,
    amount bigint,
    cap bigint,
    pot bigint,
    per_person bigint,
    spent bigint DEFAULT 0 NOT NULL,
    currency character varying(3) NOT NULL,
    kinds character varying(12)[] NOT NULL,
    active_from timestamp with time zone NOT NULL,
    active_until timestamp with time zone,
    created_by_id uuid,
    sponsor_id uuid NOT NULL,
    CONSTRAINT orders_sponsorship_percent_check CHECK ((percent >= 0)),
    CONSTRAINT sponsorship_amounts_are_positive CHECK ((((amount IS NULL) OR (amount > 0)) AND ((cap IS NULL) OR (cap > 0)) AND ((pot IS NULL) OR (pot > 0)) AND ((per_person IS NULL) OR (per_person > 0)))),
    CONSTRAINT sponsorship_ends_after_it_starts CHECK (((active_until IS NULL) OR (active_until >= active_from))),
    CONSTRAINT sponsorship_is_percent_or_amount CHECK ((((amount IS NULL) AND (percent IS NOT NULL)) OR ((amount IS NOT NULL) AND (cap IS NULL) AND (percent IS NULL)))),
    CONSTRAINT sponsorship_percent_is_within CHECK (((percent IS NULL) OR ((percent >= 1) AND (percent <= 100)))),
    CONSTRAINT sponsorship_stays_in_its_pot CHECK (((spent >= 0) AND ((pot IS NULL) OR (spent <= pot))))
);

CREATE VIEW "{reports}peer_learning".employer_sponsorships WITH (security_barrier='true') AS
 SELECT l.id,
    s.sponsor_id AS employer_id,
    o.buyer_id AS student_id,
    b.id AS enrollment_id,
    o.created_at
   FROM (((orders_line l
     JOIN orders_sponsorship s ON ((s.id = l.sponsorship_id)))
     JOIN orders_order o ON ((o.id = l.order_id)))
     LEFT JOIN schedule_booking b ON ((b.line_id = l.id)))
  WHERE ((l.sponsor_share > 0) AND ((o.state)::text <> 'void'::text));

CREATE TABLE schedule_intro (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    email character varying(254) NOT NULL,
    time_zone character varying(64) NOT NULL,
    locale character varying(10) NOT NULL,
    answers jsonb NOT NULL,
    state character varying(10) NOT NULL,
    is_only boolean NOT NULL,
    is_repeat boolean NOT NULL,
    held_until timestamp with time zone,
    confirmed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    ending character varying(8) NOT NULL,
    link bytea,
    token_hash character varying(64),
    forgotten_at timestamp with time zone,
    coach_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    reminded_at timestamp with time zone,
    CONSTRAINT intro_address_is_in_small_letters CHECK (((email)::text = lower((email)::text))),
    CONSTRAINT intro_cancelled_says_how CHECK ((((cancelled_at IS NOT NULL) AND ((state)::text = 'cancelled'::text) AND (NOT ((ending)::text = ''::text))) OR ((NOT ((state)::text = 'cancelled'::text)) AND (cancelled_at IS NULL) AND ((ending)::text = ''::text)))),
    CONSTRAINT intro_confirmed_has_a_time CHECK (((NOT ((state)::text = ANY (((ARRAY['confirmed'::character varying, 'attended'::character varying, 'no_show'::character varying])::character varying[])::text[]))) OR (confirmed_at IS NOT NULL))),
    CONSTRAINT intro_forgotten_says_nothing CHECK (((forgotten_at IS NULL) OR ((answers = '[]'::jsonb) AND ((email)::text = ''::text) AND (link IS NULL) AND (token_hash IS NULL)))),
    CONSTRAINT intro_held_has_an_end CHECK ((((held_until IS NOT NULL) AND ((state)::text = 'held'::text)) OR ((NOT ((state)::text = 'held'::text)) AND (held_until IS NULL)))),
    CONSTRAINT intro_of_a_known_address_is_not_confirmed CHECK (((NOT is_repeat) OR (confirmed_at IS NULL))),
    CONSTRAINT intro_state_is_known CHECK (((state)::text = ANY (((ARRAY['held'::character varying, 'confirmed'::character varying, 'attended'::character varying, 'no_show'::character varying, 'cancelled'::character varying])::character varying[])::text[])))
);

CREATE VIEW "{reports}peer_learning".intro_sessions WITH (security_barrier='true') AS
 SELECT i.id,
    (i.email)::text AS visitor_email,
    NULLIF((p.name)::text, ''::text) AS visitor_name,
    i.coach_id AS student_teacher_id,
    NULL::uuid AS course_id,
    s.starts_at AS scheduled_at,
    NULLIF((s.join_link)::text, ''::text) AS bbb_room_url,
        CASE
            WHEN ((i.state)::text = 'cancelled'::text) THEN 'cancelled'::text
            WHEN ((i.state)::text = 'no_show'::text) THEN 'no_show'::text
            WHEN (((i.state)::text = 'attended'::text) OR ((s.status)::text = 'completed'::text)) THEN 'completed'::text
            ELSE 'scheduled'::text
        END AS status,
    ((EXTRACT(epoch FROM (s.ends_at - s.starts_at)) / (60)::numeric))::integer AS duration_minutes,
    NULL::boolean AS converted_to_enrollment,
    i.created_at
   FROM ((schedule_intro i
     JOIN schedule_session s ON ((s.id = i.session_id)))
     JOIN people_participant p ON ((p.id = i.participant_id)))
  WHERE (i.confirmed_at IS NOT NULL)
UNION ALL
 SELECT b.id,
    (u.email)::text AS visitor_email,
    (p.name)::text AS visitor_name,
    s.coach_id AS student_teacher_id,
    NULL::uuid AS course_id,
    s.starts_at AS scheduled_at,
    NULL::text AS bbb_room_url,
        CASE
            WHEN ((b.state)::text = 'cancelled'::text) THEN 'cancelled'::text
            WHEN ((b.state)::text = 'no_show'::text) THEN 'no_show'::text
            WHEN (((b.state)::text = 'attended'::text) OR ((s.status)::text = 'completed'::text)) THEN 'completed'::text
            ELSE 'scheduled'::text
        END AS status,
    ((EXTRACT(epoch FROM (s.ends_at - s.starts_at)) / (60)::numeric))::integer AS duration_minutes,
    (EXISTS ( SELECT
           FROM (schedule_booking later
             JOIN schedule_session t ON ((t.id = later.session_id)))
          WHERE ((later.participant_id = b.participant_id) AND (t.coach_id = s.coach_id) AND ((t.format)::text <> 'intro'::text) AND (later.confirmed_at > b.created_at)))) AS converted_to_enrollment,
    b.created_at
   FROM (((schedule_booking b
     JOIN schedule_session s ON (((s.id = b.session_id) AND ((s.format)::text = 'intro'::text))))
     JOIN people_participant p ON ((p.id = b.participant_id)))
     JOIN people_user u ON ((u.id = b.booked_by_id)))
  WHERE ((b.line_id IS NOT NULL) AND (NOT b.awaits_approval));

CREATE TABLE orders_split (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    part character varying(8) NOT NULL,
    percent smallint NOT NULL,
    amount bigint NOT NULL,
    reversed bigint DEFAULT 0 NOT NULL,
    earned_at timestamp with time zone,
    line_id uuid NOT NULL,
    recipient_id uuid,
    CONSTRAINT orders_split_percent_check CHECK ((percent >= 0)),
    CONSTRAINT split_is_reversed_within CHECK (((amount >= 0) AND (reversed >= 0) AND (reversed <= amount))),
    CONSTRAINT split_of_a_person_has_a_recipient CHECK ((((earned_at IS NULL) AND ((part)::text = 'business'::text) AND (recipient_id IS NULL)) OR (((part)::text = ANY (((ARRAY['creator'::character varying, 'royalty'::character varying, 'teacher'::character varying])::character varying[])::text[])) AND (recipient_id IS NOT NULL))))
);

CREATE VIEW "{reports}peer_learning".payment_splits WITH (security_barrier='true') AS
 SELECT s.id,
    b.id AS enrollment_id,
    s.line_id AS transaction_id,
    s.recipient_id,
        CASE s.part
            WHEN 'business'::text THEN 'platform'::text
            WHEN 'creator'::text THEN 'creator'::text
            WHEN 'royalty'::text THEN 'creator_royalty'::text
            WHEN 'teacher'::text THEN 'student_teacher'::text
            ELSE NULL::text
        END AS recipient_type,
    s.amount AS amount_cents,
    (s.percent)::integer AS percentage,
    NULL::text AS stripe_transfer_id,
        CASE
            WHEN (((o.state)::text = 'void'::text) OR ((s.reversed = s.amount) AND (s.amount > 0))) THEN 'reversed'::text
            WHEN ((s.earned_at IS NOT NULL) OR (((s.part)::text = 'business'::text) AND ((o.state)::text = 'paid'::text))) THEN 'paid'::text
            ELSE 'pending'::text
        END AS status,
    s.created_at,
        CASE
            WHEN ((s.part)::text <> 'business'::text) THEN s.earned_at
            WHEN ((o.state)::text = 'paid'::text) THEN o.settled_at
            ELSE NULL::timestamp with time zone
        END AS paid_at
   FROM (((orders_split s
     JOIN orders_line l ON ((l.id = s.line_id)))
     JOIN orders_order o ON ((o.id = l.order_id)))
     LEFT JOIN schedule_booking b ON ((b.line_id = l.id)));

CREATE VIEW "{reports}peer_learning".payouts WITH (security_barrier='true') AS
 SELECT id,
    payee_id AS recipient_id,
    amount AS amount_cents,
    (
        CASE
            WHEN ((reference)::text ~~ 'tr\_%'::text) THEN reference
            ELSE NULL::character varying
        END)::text AS stripe_transfer_id,
        CASE state
            WHEN 'asked'::text THEN 'pending'::text
            WHEN 'approved'::text THEN 'processing'::text
            WHEN 'sent'::text THEN 'processing'::text
            WHEN 'done'::text THEN 'completed'::text
            WHEN 'failed'::text THEN 'failed'::text
            WHEN 'rejected'::text THEN 'failed'::text
            WHEN 'cancelled'::text THEN 'failed'::text
            ELSE NULL::text
        END AS status,
    approved_by_id AS approved_by,
    approved_at,
        CASE state
            WHEN 'done'::text THEN ended_at
            ELSE NULL::timestamp with time zone
        END AS paid_at,
    created_at
   FROM payments_payout p
  WHERE ((source)::text = 'earnings'::text);

CREATE VIEW "{reports}peer_learning".session_assessments WITH (security_barrier='true') AS
 SELECT r.id,
    r.session_id,
    r.author_id AS assessor_id,
    r.subject_id AS assessee_id,
    (r.rating)::integer AS rating,
    NULLIF(r.comment, ''::text) AS comment,
    r.created_at
   FROM (schedule_sessionreview r
     JOIN schedule_session s ON ((s.id = r.session_id)))
  WHERE ((s.ends_at <= (now() - '7 days'::interval)) OR (EXISTS ( SELECT
           FROM schedule_sessionreview other
          WHERE ((other.session_id = r.session_id) AND (other.participant_id = r.participant_id) AND ((other.side)::text <> (r.side)::text)))));

CREATE TABLE schedule_attendance (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    source character varying(4) NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    left_at timestamp with time zone,
    noted_by_id uuid,
    participant_id uuid NOT NULL,
    session_id uuid NOT NULL,
    CONSTRAINT attendance_by_hand_says_by_whom CHECK ((((source)::text = 'room'::text) OR (noted_by_id IS NOT NULL))),
    CONSTRAINT attendance_left_after_joined CHECK (((left_at IS NULL) OR (left_at > joined_at))),
    CONSTRAINT attendance_source_is_known CHECK (((source)::text = ANY (((ARRAY['hand'::character varying, 'room'::character varying])::character varying[])::text[])))
);

CREATE VIEW "{reports}peer_learning".session_attendance WITH (security_barrier='true') AS
 SELECT a.id,
    a.session_id,
    COALESCE(p.user_id, ( SELECT b.booked_by_id
           FROM schedule_booking b
          WHERE ((b.session_id = a.session_id) AND (b.participant_id = a.participant_id))
          ORDER BY b.id DESC
         LIMIT 1)) AS user_id,
    a.joined_at,
    a.left_at,
    (EXTRACT(epoch FROM (a.left_at - a.joined_at)))::integer AS duration_seconds
   FROM (schedule_attendance a
     JOIN people_participant p ON ((p.id = a.participant_id)));

CREATE TABLE schedule_sessionresource (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(9) NOT NULL,
    name character varying(200) NOT NULL,
    link character varying(500) NOT NULL,
    file_key character varying(80) NOT NULL,
    size_bytes bigint,
    mime_type character varying(100) NOT NULL,
    duration_seconds integer,
    is_public boolean NOT NULL,
    source_id character varying(200) DEFAULT ''::character varying NOT NULL,
    session_id uuid NOT NULL,
    uploaded_by_id uuid NOT NULL,
    CONSTRAINT resource_is_a_file_or_a_link CHECK (((((link)::text = ''::text) AND (NOT ((file_key)::text = ''::text)) AND (size_bytes > 0) AND (size_bytes IS NOT NULL)) OR ((NOT ((link)::text = ''::text)) AND ((file_key)::text = ''::text) AND (size_bytes IS NULL)))),
    CONSTRAINT resource_kind_is_known CHECK (((kind)::text = ANY (((ARRAY['recording'::character varying, 'slides'::character varying, 'document'::character varying, 'other'::character varying])::character varying[])::text[]))),
    CONSTRAINT schedule_sessionresource_duration_seconds_check CHECK ((duration_seconds >= 0)),
    CONSTRAINT schedule_sessionresource_size_bytes_check CHECK ((size_bytes >= 0))
);

CREATE VIEW "{reports}peer_learning".session_resources WITH (security_barrier='true') AS
 SELECT id,
    session_id,
    NULL::uuid AS course_id,
    uploaded_by_id AS created_by,
    (
        CASE kind
            WHEN 'slides'::text THEN 'slide'::character varying
            ELSE kind
        END)::text AS type,
    (name)::text AS name,
    NULLIF((file_key)::text, ''::text) AS r2_key,
    size_bytes,
    NULLIF((mime_type)::text, ''::text) AS mime_type,
    duration_seconds,
    is_public,
    created_at
   FROM schedule_sessionresource r;

CREATE VIEW "{reports}peer_learning".sessions WITH (security_barrier='true') AS
 SELECT s.id,
    one.enrollment_id,
    s.coach_id AS teacher_id,
    one.student_id,
    s.starts_at AS scheduled_start,
    s.ends_at AS scheduled_end,
    ( SELECT min(a.joined_at) AS min
           FROM schedule_attendance a
          WHERE (a.session_id = s.id)) AS started_at,
    ( SELECT max(a.left_at) AS max
           FROM schedule_attendance a
          WHERE (a.session_id = s.id)) AS ended_at,
    (
        CASE s.status
            WHEN 'planned'::text THEN 'scheduled'::character varying
            ELSE s.status
        END)::text AS status,
    NULL::text AS plugnmeet_room_id,
    NULL::text AS plugnmeet_room_sid,
    ( SELECT min((r.link)::text) AS min
           FROM schedule_sessionresource r
          WHERE ((r.session_id = s.id) AND ((r.kind)::text = 'recording'::text) AND ((r.link)::text <> ''::text))) AS recording_url,
    ( SELECT a.actor_id
           FROM audit_auditlog a
          WHERE ((a.object_id = s.id) AND ((a.action)::text = 'session.cancelled'::text))
          ORDER BY a.id DESC
         LIMIT 1) AS cancelled_by,
    NULLIF((s.cancel_reason)::text, ''::text) AS cancel_reason,
    uuid_extract_timestamp(s.id) AS created_at
   FROM (schedule_session s
     LEFT JOIN LATERAL ( SELECT (min((b.id)::text))::uuid AS enrollment_id,
            (min((COALESCE(p.user_id, b.booked_by_id))::text))::uuid AS student_id
           FROM (schedule_booking b
             JOIN people_participant p ON ((p.id = b.participant_id)))
          WHERE ((b.session_id = s.id) AND (b.line_id IS NOT NULL) AND (NOT b.awaits_approval))
         HAVING (count(*) = 1)) one ON (true))
  WHERE ((s.format)::text <> 'intro'::text);

CREATE VIEW "{reports}peer_learning".transactions WITH (security_barrier='true') AS
 SELECT l.id,
    b.id AS enrollment_id,
    l.price AS amount_cents,
    (
        CASE
            WHEN (p.is_card AND ((p.reference)::text !~~ 'cs\_%'::text)) THEN p.reference
            ELSE NULL::character varying
        END)::text AS stripe_payment_id,
    NULL::text AS stripe_charge_id,
    (
        CASE
            WHEN p.is_card THEN p.id
            ELSE NULL::uuid
        END)::text AS transfer_group,
        CASE
            WHEN ((o.state)::text = 'open'::text) THEN 'pending'::text
            WHEN (((o.state)::text = 'paid'::text) AND ((l.refunded_percent = 100) OR (((((l.company_back + l.sponsor_back) + l.credit_back) + l.wallet_back) + l.own_back) = l.price))) THEN 'refunded'::text
            WHEN ((o.state)::text = 'paid'::text) THEN 'completed'::text
            WHEN (((o.state)::text = 'void'::text) AND ((p.state)::text = 'succeeded'::text)) THEN 'refunded'::text
            WHEN ((o.state)::text = 'void'::text) THEN 'failed'::text
            ELSE NULL::text
        END AS status,
    COALESCE(p.paid_at,
        CASE o.state
            WHEN 'paid'::text THEN o.settled_at
            ELSE NULL::timestamp with time zone
        END) AS paid_at,
    o.created_at
   FROM (((orders_line l
     JOIN orders_order o ON ((o.id = l.order_id)))
     LEFT JOIN schedule_booking b ON ((b.line_id = l.id)))
     LEFT JOIN LATERAL ( SELECT p_1.id,
            p_1.reference,
            p_1.state,
            p_1.paid_at,
            ((p_1.provider)::text = ANY (((ARRAY['stripe'::character varying, 'sandbox'::character varying])::character varying[])::text[])) AS is_card
           FROM payments_payment p_1
          WHERE (p_1.order_id = o.id)
          ORDER BY ((p_1.state)::text = 'succeeded'::text) DESC, p_1.id DESC
         LIMIT 1) p ON (true))
  WHERE (l.price > 0);

CREATE TABLE payments_stripeaccount (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    reference character varying(120),
    status character varying(10) NOT NULL,
    payouts_enabled boolean NOT NULL,
    requirements jsonb NOT NULL,
    onboarded_at timestamp with time zone,
    user_id uuid NOT NULL,
    asked_at timestamp with time zone,
    CONSTRAINT stripe_account_pays_out_when_active CHECK (((NOT payouts_enabled) OR ((status)::text = 'active'::text))),
    CONSTRAINT stripe_account_status_is_known CHECK (((status)::text = ANY (((ARRAY['pending'::character varying, 'active'::character varying, 'restricted'::character varying])::character varying[])::text[])))
);

CREATE TABLE people_coachprofile (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    headline character varying(120) NOT NULL,
    bio text NOT NULL,
    user_id uuid NOT NULL
);

CREATE VIEW "{reports}peer_learning".users WITH (security_barrier='true') AS
 SELECT u.id,
    (u.email)::text AS email,
    NULL::text AS password_hash,
    (u.name)::text AS name,
    NULL::text AS handle,
    NULLIF((c.headline)::text, ''::text) AS title,
    NULL::text AS avatar_url,
    NULLIF(c.bio, ''::text) AS bio,
    NULLIF("left"(COALESCE(NULLIF((c.headline)::text, ''::text), c.bio), 160), ''::text) AS bio_short,
    NULL::text AS teaching_philosophy,
    NULL::text AS website,
        CASE
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'admin'::text)))) THEN 'admin'::text
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) THEN 'creator'::text
            ELSE 'student'::text
        END AS role,
    (EXISTS ( SELECT
           FROM people_rolegrant g
          WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) AS is_creator,
    (EXISTS ( SELECT
           FROM orders_split t
          WHERE ((t.recipient_id = u.id) AND ((t.part)::text = 'teacher'::text)))) AS is_student_teacher,
    (EXISTS ( SELECT
           FROM people_rolegrant g
          WHERE ((g.user_id = u.id) AND ((g.role)::text = 'admin'::text)))) AS is_admin,
    false AS is_moderator,
    (EXISTS ( SELECT
           FROM people_rolegrant g
          WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) AS privacy_public,
    e.is_verified AS email_verified,
        CASE
            WHEN e.is_verified THEN 'valid'::text
            ELSE NULL::text
        END AS email_status,
    NULL::boolean AS marketing_opt_out,
    (s.reference)::text AS stripe_account_id,
    (s.status)::text AS stripe_account_status,
    COALESCE(s.payouts_enabled, false) AS stripe_payouts_enabled,
    u.created_at,
    GREATEST(u.created_at, ( SELECT max(c_1.created_at) AS max
           FROM audit_auditlog c_1
          WHERE ((c_1.object_id = u.id) AND ((c_1.action)::text ~~ 'user.%'::text) AND ((c_1.action)::text <> ALL (((ARRAY['user.signed_in'::character varying, 'user.device_signed_out'::character varying, 'user.devices_signed_out'::character varying])::character varying[])::text[]))))) AS updated_at
   FROM (((people_user u
     LEFT JOIN people_coachprofile c ON ((c.user_id = u.id)))
     LEFT JOIN payments_stripeaccount s ON ((s.user_id = u.id)))
     CROSS JOIN LATERAL ( SELECT (EXISTS ( SELECT
                   FROM account_emailaddress e_1
                  WHERE ((e_1.user_id = u.id) AND e_1.verified AND (lower((e_1.email)::text) = lower((u.email)::text))))) AS is_verified) e);

CREATE TABLE access_apiclient (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    prefix character varying(12) NOT NULL,
    secret_hash character varying(64) NOT NULL,
    scopes character varying(10)[] NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    owner_id uuid NOT NULL,
    CONSTRAINT api_client_scopes_are_known CHECK (((scopes <@ ARRAY['read'::character varying(10), 'write'::character varying(10)]) AND (
CASE
    WHEN (scopes IS NULL) THEN NULL::integer
    ELSE COALESCE(array_length(scopes, 1), 0)
END > 0)))
);

CREATE TABLE access_idempotencykey (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    route character varying(200) NOT NULL,
    key character varying(200) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    locked_until timestamp with time zone,
    status smallint,
    body jsonb,
    actor_id uuid NOT NULL,
    CONSTRAINT access_idempotencykey_status_check CHECK ((status >= 0)),
    CONSTRAINT idempotency_key_is_running_or_answered CHECK ((((locked_until IS NULL) AND (status IS NOT NULL)) OR ((locked_until IS NOT NULL) AND (status IS NULL))))
);

ALTER TABLE account_emailaddress ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME account_emailaddress_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE account_emailconfirmation (
    id integer NOT NULL,
    created timestamp with time zone NOT NULL,
    sent timestamp with time zone,
    key character varying(64) NOT NULL,
    email_address_id integer NOT NULL
);

ALTER TABLE account_emailconfirmation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME account_emailconfirmation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);

ALTER TABLE auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);

ALTER TABLE auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);

ALTER TABLE auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE books_accountnumber (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    number character varying(12) NOT NULL,
    CONSTRAINT account_number_is_not_empty CHECK ((NOT ((number)::text = ''::text)))
);

CREATE TABLE books_dayclose (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    day date NOT NULL,
    currency character varying(3) NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    transfers integer NOT NULL,
    amount bigint NOT NULL,
    fingerprint character varying(64) NOT NULL,
    closed_by_id uuid,
    CONSTRAINT books_dayclose_transfers_check CHECK ((transfers >= 0)),
    CONSTRAINT day_ends_after_it_starts CHECK ((ends_at >= starts_at))
);

CREATE TABLE books_daycloseline (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(12) NOT NULL,
    name character varying(60) NOT NULL,
    opening bigint NOT NULL,
    debits bigint NOT NULL,
    credits bigint NOT NULL,
    closing bigint NOT NULL,
    debits_to_date bigint NOT NULL,
    credits_to_date bigint NOT NULL,
    day_close_id uuid NOT NULL,
    CONSTRAINT day_close_line_adds_up CHECK (((closing = ((opening + credits) - debits)) AND (closing = (credits_to_date - debits_to_date))))
);

CREATE TABLE books_difference (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    reference character varying(160) NOT NULL,
    what character varying(12) NOT NULL,
    currency character varying(3) NOT NULL,
    their_amount bigint,
    their_fee bigint,
    our_amount bigint,
    our_fee bigint,
    at timestamp with time zone NOT NULL,
    note character varying(300) NOT NULL,
    cleared_at timestamp with time zone,
    cleared_by_id uuid,
    transfer_id uuid,
    reconciliation_id uuid NOT NULL,
    CONSTRAINT difference_is_cleared_with_a_word CHECK ((((cleared_at IS NULL) AND ((note)::text = ''::text)) OR ((cleared_at IS NOT NULL) AND (NOT ((note)::text = ''::text))))),
    CONSTRAINT difference_is_of_one_side_or_of_both CHECK ((((our_amount IS NULL) AND (their_amount IS NOT NULL) AND ((what)::text = 'only_theirs'::text)) OR ((our_amount IS NOT NULL) AND (their_amount IS NULL) AND ((what)::text = 'only_ours'::text)) OR ((our_amount IS NOT NULL) AND (their_amount IS NOT NULL) AND ((what)::text = 'different'::text))))
);

CREATE TABLE books_reconciliation (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    since date NOT NULL,
    until date NOT NULL,
    equal integer NOT NULL,
    only_theirs integer NOT NULL,
    only_ours integer NOT NULL,
    different integer NOT NULL,
    made_by_id uuid,
    CONSTRAINT books_reconciliation_different_check CHECK ((different >= 0)),
    CONSTRAINT books_reconciliation_equal_check CHECK ((equal >= 0)),
    CONSTRAINT books_reconciliation_only_ours_check CHECK ((only_ours >= 0)),
    CONSTRAINT books_reconciliation_only_theirs_check CHECK ((only_theirs >= 0)),
    CONSTRAINT reconciliation_ends_after_it_starts CHECK ((until >= since))
);

CREATE TABLE core_business (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    "only" boolean NOT NULL,
    name character varying(80) NOT NULL,
    currency character varying(3) NOT NULL,
    time_zone character varying(64) NOT NULL,
    locale character varying(10) NOT NULL,
    accent_hue smallint NOT NULL,
    allows_sign_up boolean NOT NULL,
    hold_minutes smallint NOT NULL,
    offer_hours smallint NOT NULL,
    manual_hold_days smallint NOT NULL,
    credit_months smallint NOT NULL,
    invite_days smallint NOT NULL,
    second_factor_for character varying(10) DEFAULT 'admins'::character varying NOT NULL,
    second_factor_starts_on date DEFAULT ((statement_timestamp() + '7 days'::interval))::date NOT NULL,
    top_up_least integer DEFAULT 500 NOT NULL,
    top_up_most integer DEFAULT 50000 NOT NULL,
    wallet_most integer DEFAULT 200000 NOT NULL,
    bank_bic character varying(11) DEFAULT ''::character varying NOT NULL,
    bank_holder character varying(70) DEFAULT ''::character varying NOT NULL,
    bank_iban character varying(34) DEFAULT ''::character varying NOT NULL,
    bank_name character varying(80) DEFAULT ''::character varying NOT NULL,
    offers_bank_transfer boolean DEFAULT false NOT NULL,
    CONSTRAINT business_account_has_a_holder CHECK ((((NOT ((bank_iban)::text = ''::text)) AND (NOT ((bank_holder)::text = ''::text))) OR (((bank_bic)::text = ''::text) AND ((bank_holder)::text = ''::text) AND ((bank_iban)::text = ''::text) AND ((bank_name)::text = ''::text)))),
    CONSTRAINT business_hue_is_on_the_wheel CHECK ((accent_hue < 360)),
    CONSTRAINT business_is_one CHECK ("only"),
    CONSTRAINT business_second_factor_for_is_known CHECK (((second_factor_for)::text = ANY (((ARRAY['nobody'::character varying, 'admins'::character varying, 'team'::character varying, 'everybody'::character varying])::character varying[])::text[]))),
    CONSTRAINT core_business_accent_hue_check CHECK ((accent_hue >= 0)),
    CONSTRAINT core_business_credit_months_check CHECK ((credit_months >= 0)),
    CONSTRAINT core_business_hold_minutes_check CHECK ((hold_minutes >= 0)),
    CONSTRAINT core_business_invite_days_check CHECK ((invite_days >= 0)),
    CONSTRAINT core_business_manual_hold_days_check CHECK ((manual_hold_days >= 0)),
    CONSTRAINT core_business_offer_hours_check CHECK ((offer_hours >= 0)),
    CONSTRAINT core_business_top_up_least_check CHECK ((top_up_least >= 0)),
    CONSTRAINT core_business_top_up_most_check CHECK ((top_up_most >= 0)),
    CONSTRAINT core_business_wallet_most_check CHECK ((wallet_most >= 0))
);

CREATE TABLE core_checkrun (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    seconds double precision NOT NULL,
    asked smallint NOT NULL,
    faults jsonb NOT NULL,
    CONSTRAINT core_checkrun_asked_check CHECK ((asked >= 0))
);

CREATE TABLE core_outboxmessage (
    id bigint NOT NULL,
    consumer character varying(40) NOT NULL,
    event_id uuid NOT NULL,
    name character varying(80) NOT NULL,
    subject_id uuid NOT NULL,
    payload jsonb NOT NULL,
    published_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    attempts smallint NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    delivered_at timestamp with time zone,
    dead_at timestamp with time zone,
    last_error text NOT NULL,
    request_id character varying(32) DEFAULT ''::character varying NOT NULL,
    CONSTRAINT core_outboxmessage_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT outbox_message_is_delivered_or_dead CHECK (((delivered_at IS NULL) OR (dead_at IS NULL)))
);

ALTER TABLE core_outboxmessage ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core_outboxmessage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core_ratecount (
    id bigint NOT NULL,
    key character varying(64) NOT NULL,
    window_starts_at timestamp with time zone NOT NULL,
    count integer NOT NULL,
    CONSTRAINT core_ratecount_count_check CHECK ((count >= 0))
);

ALTER TABLE core_ratecount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME core_ratecount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);

ALTER TABLE django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);

ALTER TABLE django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mfa_authenticator (
    id bigint NOT NULL,
    type character varying(20) NOT NULL,
    data jsonb NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
);

ALTER TABLE mfa_authenticator ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME mfa_authenticator_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE notify_notificationpreference (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(60) NOT NULL,
    channel character varying(10) NOT NULL,
    is_on boolean NOT NULL,
    user_id uuid NOT NULL
);

CREATE TABLE orders_cancellationpolicy (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    windows jsonb NOT NULL,
    is_default boolean NOT NULL,
    retired_at timestamp with time zone,
    no_show_percent smallint DEFAULT 0 NOT NULL,
    grace_count smallint DEFAULT 0 NOT NULL,
    grace_days smallint DEFAULT 0 NOT NULL,
    reschedules smallint DEFAULT 0 NOT NULL,
    reschedule_hours smallint DEFAULT 0 NOT NULL,
    CONSTRAINT cancellation_policy_grace_has_days CHECK ((((grace_count = 0) AND (grace_days = 0)) OR ((grace_count >= 1) AND (grace_count <= 20) AND (grace_days >= 1) AND (grace_days <= 365)))),
    CONSTRAINT cancellation_policy_no_show_percent_is_within CHECK (((no_show_percent >= 0) AND (no_show_percent <= 100))),
    CONSTRAINT cancellation_policy_reschedules_are_within CHECK ((((reschedule_hours = 0) AND (reschedules = 0)) OR ((reschedule_hours >= 0) AND (reschedule_hours <= 2160) AND (reschedules >= 1) AND (reschedules <= 20)))),
    CONSTRAINT orders_cancellationpolicy_grace_count_check CHECK ((grace_count >= 0)),
    CONSTRAINT orders_cancellationpolicy_grace_days_check CHECK ((grace_days >= 0)),
    CONSTRAINT orders_cancellationpolicy_no_show_percent_check CHECK ((no_show_percent >= 0)),
    CONSTRAINT orders_cancellationpolicy_reschedule_hours_check CHECK ((reschedule_hours >= 0)),
    CONSTRAINT orders_cancellationpolicy_reschedules_check CHECK ((reschedules >= 0))
);

CREATE TABLE orders_splitrule (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    place smallint NOT NULL,
    taught_by character varying(8) NOT NULL,
    business_percent smallint NOT NULL,
    creator_percent smallint NOT NULL,
    teacher_percent smallint NOT NULL,
    active_from timestamp with time zone NOT NULL,
    active_until timestamp with time zone,
    coach_id uuid,
    created_by_id uuid,
    kind character varying(12) DEFAULT ''::character varying NOT NULL,
    offered_id uuid,
    CONSTRAINT orders_splitrule_business_percent_check CHECK ((business_percent >= 0)),
    CONSTRAINT orders_splitrule_creator_percent_check CHECK ((creator_percent >= 0)),
    CONSTRAINT orders_splitrule_place_check CHECK ((place >= 0)),
    CONSTRAINT orders_splitrule_teacher_percent_check CHECK ((teacher_percent >= 0)),
    CONSTRAINT split_rule_divides_all CHECK ((business_percent = ((100 - creator_percent) - teacher_percent))),
    CONSTRAINT split_rule_ends_after_it_starts CHECK (((active_until IS NULL) OR (active_until >= active_from))),
    CONSTRAINT split_rule_for_one_thing_says_its_kind CHECK (((offered_id IS NULL) OR (NOT ((kind)::text = ''::text))))
);

CREATE TABLE orders_sponsoredperson (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    most bigint,
    spent bigint DEFAULT 0 NOT NULL,
    added_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    user_id uuid NOT NULL,
    sponsorship_id uuid NOT NULL,
    CONSTRAINT sponsored_person_stays_within CHECK (((spent >= 0) AND ((most IS NULL) OR (spent <= most))))
);

CREATE TABLE orders_sponsorpayment (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    amount bigint NOT NULL,
    currency character varying(3) NOT NULL,
    reference character varying(140) NOT NULL,
    received_on date NOT NULL,
    recorded_by_id uuid NOT NULL,
    sponsorship_id uuid NOT NULL,
    CONSTRAINT sponsor_payment_is_positive CHECK ((amount > 0))
);

CREATE TABLE payments_paymentmethod (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    reference character varying(120),
    brand character varying(30) NOT NULL,
    last4 character varying(4) NOT NULL,
    expires_month smallint,
    expires_year smallint,
    state character varying(10) NOT NULL,
    is_default boolean NOT NULL,
    failure_code character varying(60) NOT NULL,
    action_url character varying(2000) NOT NULL,
    removed_at timestamp with time zone,
    forgotten_at timestamp with time zone,
    user_id uuid NOT NULL,
    asked_at timestamp with time zone,
    CONSTRAINT payment_method_default_is_ready CHECK (((NOT is_default) OR ((state)::text = 'ready'::text))),
    CONSTRAINT payment_method_ready_has_a_reference CHECK (((NOT ((state)::text = 'ready'::text)) OR (reference IS NOT NULL))),
    CONSTRAINT payment_method_removed_has_a_time CHECK ((((removed_at IS NOT NULL) AND ((state)::text = 'removed'::text)) OR ((NOT ((state)::text = 'removed'::text)) AND (removed_at IS NULL)))),
    CONSTRAINT payment_method_state_is_known CHECK (((state)::text = ANY (((ARRAY['adding'::character varying, 'ready'::character varying, 'failed'::character varying, 'removed'::character varying])::character varying[])::text[]))),
    CONSTRAINT payments_paymentmethod_expires_month_check CHECK ((expires_month >= 0)),
    CONSTRAINT payments_paymentmethod_expires_year_check CHECK ((expires_year >= 0))
);

CREATE TABLE payments_payoutbatch (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    method character varying(10) NOT NULL,
    currency character varying(3) NOT NULL,
    count integer NOT NULL,
    total bigint NOT NULL,
    document bytea NOT NULL,
    state character varying(10) NOT NULL,
    sent_at timestamp with time zone,
    made_by_id uuid NOT NULL,
    read_at timestamp with time zone,
    read_by_id uuid,
    CONSTRAINT payments_payoutbatch_count_check CHECK ((count >= 0)),
    CONSTRAINT payout_batch_is_not_empty CHECK (((count > 0) AND (total > 0))),
    CONSTRAINT payout_batch_is_read_by_somebody CHECK ((((read_at IS NULL) AND (read_by_id IS NULL)) OR ((read_at IS NOT NULL) AND (read_by_id IS NOT NULL)))),
    CONSTRAINT payout_batch_sent_has_a_time CHECK ((((sent_at IS NOT NULL) AND ((state)::text = 'sent'::text)) OR ((NOT ((state)::text = 'sent'::text)) AND (sent_at IS NULL)))),
    CONSTRAINT payout_batch_state_is_known CHECK (((state)::text = ANY (((ARRAY['made'::character varying, 'sent'::character varying, 'dropped'::character varying])::character varying[])::text[])))
);

CREATE TABLE payments_payoutterms (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    "only" boolean NOT NULL,
    minimum bigint NOT NULL,
    fee bigint NOT NULL,
    second_amount bigint,
    schedule character varying(10) NOT NULL,
    pays_wallets boolean NOT NULL,
    pays_crypto boolean NOT NULL,
    bank_iban character varying(34) NOT NULL,
    bank_bic character varying(11) NOT NULL,
    CONSTRAINT payout_terms_are_one CHECK ("only"),
    CONSTRAINT payout_terms_leave_something CHECK (((fee >= 0) AND (minimum > fee))),
    CONSTRAINT payout_terms_schedule_is_known CHECK (((schedule)::text = ANY (((ARRAY['never'::character varying, 'weekly'::character varying, 'monthly'::character varying])::character varying[])::text[]))),
    CONSTRAINT payout_terms_second_is_positive CHECK (((second_amount IS NULL) OR (second_amount > 0)))
);

CREATE TABLE payments_providercustomer (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    reference character varying(120) NOT NULL,
    user_id uuid NOT NULL
);

CREATE TABLE payments_providerevent (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    event_id character varying(120) NOT NULL,
    reference character varying(120) NOT NULL,
    payload jsonb NOT NULL,
    applied_at timestamp with time zone
);

CREATE TABLE payments_refundterms (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    "only" boolean NOT NULL,
    ask_days smallint NOT NULL,
    automatic_amount bigint,
    cancellation_to character varying(6) NOT NULL,
    CONSTRAINT payments_refundterms_ask_days_check CHECK ((ask_days >= 0)),
    CONSTRAINT refund_terms_are_one CHECK ("only"),
    CONSTRAINT refund_terms_automatic_is_positive CHECK (((automatic_amount IS NULL) OR (automatic_amount > 0))),
    CONSTRAINT refund_terms_go_to_a_known_place CHECK (((cancellation_to)::text = ANY (((ARRAY['credit'::character varying, 'wallet'::character varying, 'method'::character varying])::character varying[])::text[])))
);

CREATE TABLE payments_sandboxcard (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    key character varying(120) NOT NULL,
    card character varying(19) NOT NULL,
    state character varying(12) NOT NULL
);

CREATE TABLE payments_sandboxcharge (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    key character varying(120) NOT NULL,
    card character varying(19) NOT NULL,
    amount bigint NOT NULL,
    currency character varying(3) NOT NULL,
    state character varying(12) NOT NULL,
    failure_code character varying(60) NOT NULL,
    succeeded_at timestamp with time zone,
    CONSTRAINT sandbox_charge_is_positive CHECK ((amount > 0))
);

CREATE TABLE payments_sandboxrefund (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    key character varying(120) NOT NULL,
    amount bigint NOT NULL,
    state character varying(12) NOT NULL,
    failure_code character varying(60) NOT NULL,
    charge_id uuid NOT NULL,
    CONSTRAINT sandbox_refund_is_positive CHECK ((amount > 0))
);

CREATE TABLE people_import (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(10) NOT NULL,
    file_name character varying(200) NOT NULL,
    rows jsonb NOT NULL,
    state character varying(10) NOT NULL,
    rows_done integer NOT NULL,
    confirmed_at timestamp with time zone,
    finished_at timestamp with time zone,
    created_by_id uuid NOT NULL,
    options jsonb NOT NULL,
    CONSTRAINT people_import_rows_done_check CHECK ((rows_done >= 0))
);

CREATE TABLE people_visit (
    session_key character varying(40) NOT NULL,
    expire_date timestamp with time zone NOT NULL,
    session_data bytea NOT NULL
);

CREATE TABLE procrastinate_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    type procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);

CREATE SEQUENCE procrastinate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE procrastinate_events_id_seq OWNED BY procrastinate_events.id;

CREATE SEQUENCE procrastinate_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE procrastinate_jobs_id_seq OWNED BY procrastinate_jobs.id;

CREATE TABLE procrastinate_periodic_defers (
    id bigint NOT NULL,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint,
    periodic_id character varying(128) DEFAULT ''::character varying NOT NULL
);

CREATE SEQUENCE procrastinate_periodic_defers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE procrastinate_periodic_defers_id_seq OWNED BY procrastinate_periodic_defers.id;

CREATE TABLE procrastinate_workers (
    id bigint NOT NULL,
    last_heartbeat timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE procrastinate_workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME procrastinate_workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE schedule_availabilityexception (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    day date NOT NULL,
    opens smallint,
    closes smallint,
    coach_id uuid NOT NULL,
    location_id uuid,
    CONSTRAINT availability_exception_has_hours_or_none CHECK ((((closes IS NULL) AND (opens IS NULL)) OR ((closes > opens) AND (closes <= 1440) AND (opens IS NOT NULL)))),
    CONSTRAINT schedule_availabilityexception_closes_check CHECK ((closes >= 0)),
    CONSTRAINT schedule_availabilityexception_opens_check CHECK ((opens >= 0))
);

CREATE TABLE schedule_calendarchannel (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    token_hash character varying(64) NOT NULL,
    resource character varying(200) NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    connection_id uuid NOT NULL
);

CREATE TABLE schedule_calendarconnection (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(10) NOT NULL,
    label character varying(80) NOT NULL,
    secrets bytea NOT NULL,
    account character varying(254) NOT NULL,
    state character varying(10) NOT NULL,
    problem character varying(12) NOT NULL,
    blocks_time boolean NOT NULL,
    writes_sessions boolean DEFAULT false NOT NULL,
    wants_writing_at timestamp with time zone,
    sync_token text NOT NULL,
    synced_at timestamp with time zone,
    expanded_until timestamp with time zone,
    unread_events integer NOT NULL,
    due_at timestamp with time zone NOT NULL,
    failures smallint NOT NULL,
    held_until timestamp with time zone,
    user_id uuid NOT NULL,
    time_zone character varying(64) DEFAULT ''::character varying NOT NULL,
    failing_at timestamp with time zone,
    CONSTRAINT calendar_connection_says_its_problem CHECK (((((state)::text = 'attention'::text) AND (NOT ((problem)::text = ''::text))) OR ((NOT ((state)::text = 'attention'::text)) AND ((problem)::text = ''::text)))),
    CONSTRAINT schedule_calendarconnection_failures_check CHECK ((failures >= 0)),
    CONSTRAINT schedule_calendarconnection_unread_events_check CHECK ((unread_events >= 0))
);

CREATE TABLE schedule_calendarfeed (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    token_hash character varying(64) NOT NULL,
    read_at timestamp with time zone,
    user_id uuid NOT NULL
);

CREATE TABLE schedule_calendaroverlap (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL
);

CREATE TABLE schedule_coachtime (
    coach_id uuid NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE schedule_coachweek (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    week integer NOT NULL,
    version bigint NOT NULL,
    time_zone character varying(64) NOT NULL,
    first bytea NOT NULL,
    open bytea NOT NULL,
    there bytea NOT NULL,
    free bytea NOT NULL,
    coach_id uuid NOT NULL
);

CREATE TABLE schedule_embed (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    origins character varying(200)[] NOT NULL,
    theme character varying(5) NOT NULL,
    accent_hue smallint,
    ended_at timestamp with time zone,
    version integer DEFAULT 0 NOT NULL,
    coach_id uuid,
    service_id uuid,
    CONSTRAINT embed_accent_is_a_hue CHECK (((accent_hue IS NULL) OR (accent_hue <= 359))),
    CONSTRAINT embed_is_on_some_site CHECK ((
CASE
    WHEN (origins IS NULL) THEN NULL::integer
    ELSE COALESCE(array_length(origins, 1), 0)
END >= 1)),
    CONSTRAINT embed_theme_is_known CHECK (((theme)::text = ANY (((ARRAY['auto'::character varying, 'light'::character varying, 'dark'::character varying])::character varying[])::text[]))),
    CONSTRAINT schedule_embed_accent_hue_check CHECK ((accent_hue >= 0)),
    CONSTRAINT schedule_embed_version_check CHECK ((version >= 0))
);

CREATE TABLE schedule_location (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    address character varying(200) NOT NULL,
    directions character varying(300) NOT NULL,
    latitude double precision,
    longitude double precision,
    closed_at timestamp with time zone,
    CONSTRAINT location_is_on_the_globe CHECK ((((latitude IS NULL) AND (longitude IS NULL)) OR ((latitude >= ('-90.0'::numeric)::double precision) AND (latitude <= (90.0)::double precision) AND (longitude >= ('-180.0'::numeric)::double precision) AND (longitude <= (180.0)::double precision))))
);

CREATE TABLE schedule_miss (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    kind character varying(7) NOT NULL,
    outcome character varying(7) NOT NULL,
    at timestamp with time zone NOT NULL,
    earlier smallint NOT NULL,
    grace smallint NOT NULL,
    percent smallint NOT NULL,
    reason character varying(300) NOT NULL,
    booking_id uuid NOT NULL,
    user_id uuid NOT NULL,
    waived_by_id uuid,
    CONSTRAINT miss_costs_nothing_as_often_as_promised CHECK ((((outcome)::text = 'waived'::text) OR ((earlier < grace) AND ((outcome)::text = 'grace'::text)) OR ((earlier >= grace) AND ((outcome)::text = 'charged'::text)))),
    CONSTRAINT miss_is_let_off_by_somebody_else CHECK (((waived_by_id IS NULL) OR (NOT ((waived_by_id = user_id) AND (waived_by_id IS NOT NULL))))),
    CONSTRAINT miss_is_of_a_known_kind CHECK ((((kind)::text = ANY (((ARRAY['late'::character varying, 'no_show'::character varying])::character varying[])::text[])) AND ((outcome)::text = ANY (((ARRAY['charged'::character varying, 'grace'::character varying, 'waived'::character varying])::character varying[])::text[])))),
    CONSTRAINT miss_let_off_has_a_reason CHECK (((((outcome)::text = 'waived'::text) AND (waived_by_id IS NOT NULL) AND (NOT ((reason)::text = ''::text))) OR ((NOT ((outcome)::text = 'waived'::text)) AND ((reason)::text = ''::text) AND (waived_by_id IS NULL)))),
    CONSTRAINT miss_that_costs_nothing_gives_all_back CHECK (((((outcome)::text = 'charged'::text) AND (percent <= 100)) OR (percent = 100))),
    CONSTRAINT schedule_miss_earlier_check CHECK ((earlier >= 0)),
    CONSTRAINT schedule_miss_grace_check CHECK ((grace >= 0)),
    CONSTRAINT schedule_miss_percent_check CHECK ((percent >= 0))
);

CREATE TABLE schedule_outsideevent (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    uid character varying(255) NOT NULL,
    recurrence_id character varying(20) NOT NULL,
    href character varying(500) NOT NULL,
    etag character varying(255) NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    is_busy boolean NOT NULL,
    connection_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT outside_event_ends_after_it_starts CHECK ((ends_at > starts_at))
);

CREATE TABLE schedule_room (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    name character varying(80) NOT NULL,
    closed_at timestamp with time zone,
    location_id uuid NOT NULL
);

CREATE TABLE schedule_series (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    rule character varying(200) NOT NULL,
    time_zone character varying(64) NOT NULL,
    coach_id uuid NOT NULL
);

CREATE TABLE schedule_service_locations (
    id bigint NOT NULL,
    service_id uuid NOT NULL,
    location_id uuid NOT NULL
);

ALTER TABLE schedule_service_locations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME schedule_service_locations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE schedule_service_rooms (
    id bigint NOT NULL,
    service_id uuid NOT NULL,
    room_id uuid NOT NULL
);

ALTER TABLE schedule_service_rooms ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME schedule_service_rooms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE schedule_serviceprice (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    people smallint NOT NULL,
    amount bigint NOT NULL,
    service_id uuid NOT NULL,
    CONSTRAINT schedule_serviceprice_people_check CHECK ((people >= 0)),
    CONSTRAINT service_price_is_not_negative CHECK ((amount >= 0)),
    CONSTRAINT service_price_is_of_people CHECK ((people >= 1))
);

CREATE TABLE schedule_sessioncoach (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    place smallint NOT NULL,
    claimed tstzrange NOT NULL,
    coach_id uuid NOT NULL,
    session_id uuid NOT NULL,
    stands_in_for_id uuid,
    CONSTRAINT schedule_sessioncoach_place_check CHECK ((place >= 0)),
    CONSTRAINT session_coach_stands_in_for_another CHECK (((stands_in_for_id IS NULL) OR (NOT ((stands_in_for_id = coach_id) AND (stands_in_for_id IS NOT NULL)))))
);

CREATE TABLE schedule_sessionnote (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    text bytea NOT NULL,
    edited_at timestamp with time zone,
    author_id uuid NOT NULL,
    participant_id uuid,
    session_id uuid NOT NULL
);

CREATE TABLE schedule_timeoff (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    reason character varying(120) NOT NULL,
    coach_id uuid NOT NULL,
    stand_in_id uuid,
    CONSTRAINT time_off_ends_after_it_starts CHECK ((ends_at > starts_at)),
    CONSTRAINT time_off_stand_in_is_another CHECK (((stand_in_id IS NULL) OR (NOT ((stand_in_id = coach_id) AND (stand_in_id IS NOT NULL)))))
);

CREATE TABLE schedule_travel (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    time_zone character varying(64) NOT NULL,
    coach_id uuid NOT NULL,
    CONSTRAINT travel_ends_after_it_starts CHECK ((ends_on >= starts_on))
);

CREATE TABLE schedule_videoroom (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    provider character varying(20) NOT NULL,
    reference character varying(64) NOT NULL,
    opened_at timestamp with time zone,
    ended_at timestamp with time zone,
    recordings_at timestamp with time zone,
    made_by_id uuid NOT NULL,
    session_id uuid NOT NULL,
    CONSTRAINT video_room_ends_after_it_opened CHECK (((ended_at IS NULL) OR (opened_at IS NOT NULL)))
);

CREATE TABLE schedule_videoroomevent (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    event_id character varying(120) NOT NULL,
    kind character varying(6) NOT NULL,
    person_ref character varying(64) NOT NULL,
    connection character varying(120) NOT NULL,
    at timestamp with time zone NOT NULL,
    room_id uuid NOT NULL,
    CONSTRAINT video_room_event_kind_is_known CHECK (((kind)::text = ANY (((ARRAY['joined'::character varying, 'left'::character varying, 'ended'::character varying])::character varying[])::text[])))
);

CREATE TABLE schedule_writtenevent (
    id uuid DEFAULT uuidv7() NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    uid character varying(255) NOT NULL,
    state character varying(8) NOT NULL,
    reference text NOT NULL,
    tag character varying(255) NOT NULL,
    content_hash character varying(64) NOT NULL,
    ours jsonb NOT NULL,
    theirs jsonb,
    ends_at timestamp with time zone NOT NULL,
    booking_id uuid,
    connection_id uuid NOT NULL,
    session_id uuid NOT NULL
);

CREATE TABLE usersessions_usersession (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ip inet NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    session_key character varying(40) NOT NULL,
    user_agent character varying(200) NOT NULL,
    data jsonb NOT NULL,
    user_id uuid NOT NULL
);

ALTER TABLE usersessions_usersession ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME usersessions_usersession_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW "{reports}youth_sports"."Location" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (name)::text AS name
   FROM schedule_location l;

CREATE VIEW "{reports}youth_sports"."Payment" WITH (security_barrier='true') AS
 SELECT (p.id)::text AS id,
    (p.payer_id)::text AS user_id,
    NULL::text AS event_id,
    NULL::text AS event_ticket_id,
    (
        CASE
            WHEN (((p.provider)::text = ANY (((ARRAY['stripe'::character varying, 'sandbox'::character varying])::character varying[])::text[])) AND ((p.reference)::text !~~ 'cs\_%'::text)) THEN p.reference
            ELSE NULL::character varying
        END)::text AS stripe_payment_id,
    reporting_major_units(p.amount, (p.currency)::text) AS amount,
    (p.currency)::text AS currency,
    (p.state)::text AS status,
    (
        CASE
            WHEN ((p.provider)::text = ANY (((ARRAY['stripe'::character varying, 'sandbox'::character varying])::character varying[])::text[])) THEN 'card'::character varying
            WHEN ((p.provider)::text = 'transfer'::text) THEN 'bank'::character varying
            ELSE p.provider
        END)::text AS payment_method,
    (u.email)::text AS email
   FROM (payments_payment p
     JOIN people_user u ON ((u.id = p.payer_id)))
  WHERE (NOT (EXISTS ( SELECT
           FROM orders_line l
          WHERE ((l.order_id = p.order_id) AND ((l.kind)::text = 'session'::text)))));

CREATE VIEW "{reports}youth_sports"."Refund" WITH (security_barrier='true') AS
 SELECT (r.id)::text AS id,
    NULL::text AS ticket_id,
    (r.user_id)::text AS user_id,
    (reporting_major_units(
        CASE
            WHEN (r.amount > 0) THEN ((r.amount - r.company) - r.sponsor)
            ELSE r.asked
        END, (r.currency)::text))::text AS amount,
        CASE r.state
            WHEN 'asked'::text THEN 'PENDING'::text
            WHEN 'approved'::text THEN 'APPROVED'::text
            WHEN 'sent'::text THEN 'APPROVED'::text
            WHEN 'failed'::text THEN 'APPROVED'::text
            WHEN 'done'::text THEN 'COMPLETED'::text
            WHEN 'rejected'::text THEN 'REJECTED'::text
            WHEN 'withdrawn'::text THEN 'REJECTED'::text
            ELSE NULL::text
        END AS status,
    (
        CASE
            WHEN (((p.provider)::text = ANY (((ARRAY['stripe'::character varying, 'sandbox'::character varying])::character varying[])::text[])) AND ((p.reference)::text !~~ 'cs\_%'::text)) THEN p.reference
            ELSE NULL::character varying
        END)::text AS stripe_payment_id,
    NULLIF((r.reason)::text, ''::text) AS reason
   FROM (payments_refund r
     LEFT JOIN payments_payment p ON ((p.id = r.payment_id)));

CREATE VIEW "{reports}youth_sports"."Schedule" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (coach_id)::text AS trainer_id,
    starts_at AS start_date,
    ends_at AS end_date
   FROM schedule_session s;

CREATE VIEW "{reports}youth_sports"."ScheduleBooking" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (session_id)::text AS schedule_id,
    (participant_id)::text AS child_id,
    (session_id)::text AS slot_id
   FROM schedule_booking b
  WHERE ((line_id IS NOT NULL) AND (NOT awaits_approval));

CREATE VIEW "{reports}youth_sports"."Session" WITH (security_barrier='true') AS
 SELECT (b.id)::text AS id,
    (s.coach_id)::text AS trainer_id,
    (b.participant_id)::text AS child_id,
    (b.booked_by_id)::text AS parent_id,
    (b.id)::text AS booking_id,
    (s.location_id)::text AS location_id,
    s.starts_at AS date,
        CASE
            WHEN ((b.state)::text = 'cancelled'::text) THEN 'CANCELED'::text
            WHEN ((b.state)::text = ANY (((ARRAY['held'::character varying, 'offered'::character varying])::character varying[])::text[])) THEN 'PENDING'::text
            ELSE 'PAID'::text
        END AS status,
    (s.capacity > 1) AS group_session,
    (b.participant_id)::text AS main_child_id,
    (l.price)::integer AS "totalPrice",
    ( SELECT min((w.uid)::text) AS min
           FROM (schedule_writtenevent w
             JOIN schedule_calendarconnection c ON ((c.id = w.connection_id)))
          WHERE ((w.booking_id = b.id) AND ((c.kind)::text = 'google'::text))) AS google_event_id
   FROM ((schedule_booking b
     JOIN schedule_session s ON ((s.id = b.session_id)))
     JOIN orders_line l ON ((l.id = b.line_id)))
  WHERE ((b.line_id IS NOT NULL) AND (NOT b.awaits_approval));

CREATE VIEW "{reports}youth_sports"."SessionDetails" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (id)::text AS session_id,
    1 AS sessions_used,
    NULL::integer AS sessions_remaining,
    false AS "withBalance"
   FROM schedule_booking b
  WHERE ((line_id IS NOT NULL) AND (NOT awaits_approval));

CREATE VIEW "{reports}youth_sports"."SessionParticipant" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (id)::text AS session_detail_id,
    (participant_id)::text AS child_id
   FROM schedule_booking b
  WHERE ((line_id IS NOT NULL) AND (NOT awaits_approval));

CREATE VIEW "{reports}youth_sports"."Slot" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (id)::text AS schedule_id,
    (location_id)::text AS "locationId",
    to_char((starts_at AT TIME ZONE time_zone), 'HH24:MI'::text) AS start,
    to_char((ends_at AT TIME ZONE time_zone), 'HH24:MI'::text) AS "end",
    (EXISTS ( SELECT
           FROM schedule_booking b
          WHERE ((b.session_id = s.id) AND ((b.state)::text = ANY (((ARRAY['confirmed'::character varying, 'attended'::character varying, 'no_show'::character varying])::character varying[])::text[])) AND (b.line_id IS NOT NULL) AND (NOT b.awaits_approval)))) AS is_booked,
    ((status)::text = 'cancelled'::text) AS is_deleted
   FROM schedule_session s;

CREATE VIEW "{reports}youth_sports"."Trainer" WITH (security_barrier='true') AS
 SELECT (u.id)::text AS user_id,
    NULLIF(regexp_replace(btrim((u.name)::text), '\s+\S+$'::text, ''::text), ''::text) AS first_name,
    "substring"(btrim((u.name)::text), '\s(\S+)$'::text) AS last_name,
    NULLIF(c.bio, ''::text) AS bio,
    NULLIF((c.headline)::text, ''::text) AS experience,
    NULL::text[] AS photos,
    offered.price_per_hour,
    offered.session_duration,
    jsonb_build_object('email', u.email) AS contacts,
    NULL::jsonb AS "additionalSources",
    NULL::boolean AS external,
    (a.reference)::text AS stripe_account_id,
    (a.onboarded_at IS NOT NULL) AS stripe_onboarding_completed,
    NULL::text AS stripe_onboarding_url,
    NULL::text AS stripe_express_dashboard_url
   FROM (((people_user u
     LEFT JOIN people_coachprofile c ON ((c.user_id = u.id)))
     LEFT JOIN payments_stripeaccount a ON ((a.user_id = u.id)))
     LEFT JOIN LATERAL ( SELECT (round(
                CASE s.price_basis
                    WHEN 'hour'::text THEN (p.amount)::numeric
                    ELSE (((p.amount)::numeric * 60.0) / (s.durations[1])::numeric)
                END))::integer AS price_per_hour,
            (s.durations[1])::integer AS session_duration
           FROM ((schedule_servicecoach g
             JOIN schedule_service s ON (((s.id = g.service_id) AND s.is_offered AND ((s.format)::text <> 'intro'::text))))
             JOIN schedule_serviceprice p ON (((p.service_id = s.id) AND (p.people = 1))))
          WHERE (g.coach_id = u.id)
          ORDER BY s.id
         LIMIT 1) offered ON (true))
  WHERE ((c.user_id IS NOT NULL) OR (EXISTS ( SELECT
           FROM people_rolegrant g
          WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) OR (EXISTS ( SELECT
           FROM schedule_session t
          WHERE (t.coach_id = u.id))));

CREATE VIEW "{reports}youth_sports"."TrainerGroupDiscount" WITH (security_barrier='true') AS
 SELECT
        CASE
            WHEN (( SELECT count(*) AS count
               FROM schedule_servicecoach o
              WHERE (o.service_id = s.id)) = 1) THEN (p.id)::text
            ELSE (((p.id)::text || ':'::text) || (c.coach_id)::text)
        END AS id,
    (c.coach_id)::text AS trainer_id,
    (p.people)::integer AS participants,
    (round(
        CASE s.price_basis
            WHEN 'hour'::text THEN (((p.amount * s.durations[1]))::numeric / 60.0)
            ELSE (p.amount)::numeric
        END))::integer AS price
   FROM ((schedule_serviceprice p
     JOIN schedule_service s ON (((s.id = p.service_id) AND s.is_offered)))
     JOIN schedule_servicecoach c ON ((c.service_id = s.id)))
  WHERE (p.people > 1);

CREATE VIEW "{reports}youth_sports"."TrainerLocation" WITH (security_barrier='true') AS
 SELECT DISTINCT (c.coach_id)::text AS trainer_id,
    (l.location_id)::text AS location_id
   FROM (((schedule_servicecoach c
     JOIN schedule_service s ON (((s.id = c.service_id) AND s.is_offered)))
     JOIN schedule_service_locations l ON ((l.service_id = s.id)))
     JOIN schedule_location place ON (((place.id = l.location_id) AND (place.closed_at IS NULL))));

CREATE VIEW "{reports}youth_sports"."TrainerOrder" WITH (security_barrier='true') AS
 SELECT (l.id)::text AS id,
    (o.buyer_id)::text AS user_id,
    (t.coach_id)::text AS trainer_id,
    (
        CASE
            WHEN (((p.provider)::text = ANY (((ARRAY['stripe'::character varying, 'sandbox'::character varying])::character varying[])::text[])) AND ((p.reference)::text !~~ 'cs\_%'::text)) THEN p.reference
            ELSE NULL::character varying
        END)::text AS stripe_payment_id,
    reporting_major_units(((l.credit_spent + l.wallet_spent) + l.own_share), (o.currency)::text) AS amount,
    (o.currency)::text AS currency,
    (o.state)::text AS status,
    (
        CASE
            WHEN (p.id IS NOT NULL) THEN
            CASE
                WHEN ((p.provider)::text = ANY (((ARRAY['stripe'::character varying, 'sandbox'::character varying])::character varying[])::text[])) THEN 'card'::character varying
                WHEN ((p.provider)::text = 'transfer'::text) THEN 'bank'::character varying
                ELSE p.provider
            END
            WHEN (l.wallet_spent > 0) THEN 'wallet'::character varying
            WHEN (l.credit_spent > 0) THEN 'credit'::character varying
            ELSE NULL::character varying
        END)::text AS payment_method
   FROM (((orders_line l
     JOIN orders_order o ON ((o.id = l.order_id)))
     LEFT JOIN schedule_session t ON ((t.id = l.subject_id)))
     LEFT JOIN LATERAL ( SELECT p_1.id,
            p_1.provider,
            p_1.reference
           FROM payments_payment p_1
          WHERE (p_1.order_id = o.id)
          ORDER BY ((p_1.state)::text = 'succeeded'::text) DESC, p_1.id DESC
         LIMIT 1) p ON (true))
  WHERE (((l.kind)::text = 'session'::text) AND (l.price > 0));

CREATE VIEW "{reports}youth_sports"."User" WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (email)::text AS email,
    NULLIF(regexp_replace(btrim((name)::text), '\s+\S+$'::text, ''::text), ''::text) AS first_name,
    "substring"(btrim((name)::text), '\s(\S+)$'::text) AS last_name,
    NULL::text AS phone_number,
    NULL::text AS password,
        CASE
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'admin'::text)))) THEN 'ADMIN'::text
            WHEN (EXISTS ( SELECT
               FROM people_rolegrant g
              WHERE ((g.user_id = u.id) AND ((g.role)::text = 'coach'::text)))) THEN 'TRAINER'::text
            ELSE 'PARENT'::text
        END AS role,
    NULL::text AS "resetToken",
    NULL::timestamp with time zone AS "resetTokenExpiresAt",
    created_at AS "createdAt",
    GREATEST(created_at, ( SELECT max(c.created_at) AS max
           FROM audit_auditlog c
          WHERE ((c.object_id = u.id) AND ((c.action)::text ~~ 'user.%'::text) AND ((c.action)::text <> ALL (((ARRAY['user.signed_in'::character varying, 'user.device_signed_out'::character varying, 'user.devices_signed_out'::character varying])::character varying[])::text[]))))) AS "updatedAt"
   FROM people_user u;

CREATE VIEW "{reports}youth_sports".google_calendar_integrations WITH (security_barrier='true') AS
 SELECT (id)::text AS id,
    (user_id)::text AS "userId",
    (account)::text AS email,
    NULL::text AS "accessToken",
    NULL::text AS "refreshToken",
    NULL::timestamp with time zone AS "expiryDate",
    ((state)::text = ANY (((ARRAY['active'::character varying, 'attention'::character varying])::character varying[])::text[])) AS "isActive"
   FROM schedule_calendarconnection c
  WHERE ((kind)::text = 'google'::text);

ALTER TABLE ONLY procrastinate_events ALTER COLUMN id SET DEFAULT nextval('procrastinate_events_id_seq'::regclass);

ALTER TABLE ONLY procrastinate_jobs ALTER COLUMN id SET DEFAULT nextval('procrastinate_jobs_id_seq'::regclass);

ALTER TABLE ONLY procrastinate_periodic_defers ALTER COLUMN id SET DEFAULT nextval('procrastinate_periodic_defers_id_seq'::regclass);

ALTER TABLE ONLY django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_user
    ADD CONSTRAINT people_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_coachprofile
    ADD CONSTRAINT people_coachprofile_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_coachprofile
    ADD CONSTRAINT people_coachprofile_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY people_import
    ADD CONSTRAINT people_import_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_participant
    ADD CONSTRAINT people_participant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_participant
    ADD CONSTRAINT people_participant_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY people_invite
    ADD CONSTRAINT people_invite_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_invite
    ADD CONSTRAINT people_invite_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY people_invite
    ADD CONSTRAINT people_invite_accepted_by_id_key UNIQUE (accepted_by_id);

ALTER TABLE ONLY people_rolegrant
    ADD CONSTRAINT people_rolegrant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people_rolegrant
    ADD CONSTRAINT role_grant_once_per_user UNIQUE (user_id, role);

CREATE UNIQUE INDEX user_email_is_unique ON people_user USING btree (lower((email)::text));

CREATE INDEX user_search ON people_user USING gin (search);

CREATE INDEX user_by_name ON people_user USING btree (name, id);

CREATE INDEX people_import_created_by_id_7072d672 ON people_import USING btree (created_by_id);

CREATE UNIQUE INDEX invite_once_per_address ON people_invite USING btree (lower((email)::text)) WHERE ((accepted_at IS NULL) AND (declined_at IS NULL) AND (revoked_at IS NULL) AND (NOT ((email)::text = ''::text)));

CREATE INDEX people_invite_token_hash_104afe06_like ON people_invite USING btree (token_hash varchar_pattern_ops);

CREATE INDEX people_invite_created_by_id_c9066210 ON people_invite USING btree (created_by_id);

CREATE INDEX people_rolegrant_granted_by_id_7116f728 ON people_rolegrant USING btree (granted_by_id);

ALTER TABLE ONLY access_apiclient
    ADD CONSTRAINT access_apiclient_pkey PRIMARY KEY (id);

ALTER TABLE ONLY access_apiclient
    ADD CONSTRAINT access_apiclient_prefix_key UNIQUE (prefix);

ALTER TABLE ONLY access_idempotencykey
    ADD CONSTRAINT access_idempotencykey_pkey PRIMARY KEY (id);

ALTER TABLE ONLY access_idempotencykey
    ADD CONSTRAINT idempotency_key_once_per_route UNIQUE (actor_id, route, key);

CREATE INDEX access_apiclient_prefix_9caa59b5_like ON access_apiclient USING btree (prefix varchar_pattern_ops);

CREATE INDEX api_client_by_owner ON access_apiclient USING btree (owner_id, id DESC);

CREATE INDEX idempotency_by_age ON access_idempotencykey USING btree (created_at);

ALTER TABLE ONLY account_emailaddress
    ADD CONSTRAINT account_emailaddress_pkey PRIMARY KEY (id);

ALTER TABLE ONLY account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_key_key UNIQUE (key);

CREATE INDEX account_emailaddress_user_id_2c513194 ON account_emailaddress USING btree (user_id);

CREATE INDEX account_emailconfirmation_key_f43612bd_like ON account_emailconfirmation USING btree (key varchar_pattern_ops);

CREATE INDEX account_emailconfirmation_email_address_id_5b7f8c58 ON account_emailconfirmation USING btree (email_address_id);

ALTER TABLE ONLY account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_email_987c8728_uniq UNIQUE (user_id, email);

CREATE UNIQUE INDEX unique_verified_email ON account_emailaddress USING btree (email) WHERE verified;

CREATE INDEX account_emailaddress_email_03be32b2 ON account_emailaddress USING btree (email);

CREATE INDEX account_emailaddress_email_03be32b2_like ON account_emailaddress USING btree (email varchar_pattern_ops);

CREATE UNIQUE INDEX unique_primary_email ON account_emailaddress USING btree (user_id, "primary") WHERE "primary";

ALTER TABLE ONLY audit_auditlog
    ADD CONSTRAINT audit_auditlog_pkey PRIMARY KEY (id);

CREATE INDEX audit_by_object ON audit_auditlog USING btree (object_id, id);

CREATE INDEX audit_by_actor ON audit_auditlog USING btree (actor_id, id);

CREATE INDEX audit_by_action ON audit_auditlog USING btree (action, id);

CREATE INDEX audit_search ON audit_auditlog USING gin (search);

ALTER TABLE ONLY django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);

ALTER TABLE ONLY django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);

ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);

CREATE INDEX auth_permission_content_type_id_2f476e4b ON auth_permission USING btree (content_type_id);

ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);

CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON auth_group_permissions USING btree (group_id);

CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON auth_group_permissions USING btree (permission_id);

ALTER TABLE ONLY auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);

CREATE INDEX auth_group_name_a6ea08ec_like ON auth_group USING btree (name varchar_pattern_ops);

ALTER TABLE ONLY ledger_account
    ADD CONSTRAINT ledger_account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger_account
    ADD CONSTRAINT ledger_account_code_key UNIQUE (code);

ALTER TABLE ONLY ledger_transfer
    ADD CONSTRAINT ledger_transfer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ledger_transfer
    ADD CONSTRAINT ledger_transfer_key_key UNIQUE (key);

CREATE INDEX transfer_by_debit ON ledger_transfer USING btree (debit_id, id DESC) INCLUDE (amount);

CREATE INDEX transfer_by_credit ON ledger_transfer USING btree (credit_id, id DESC) INCLUDE (amount);

CREATE INDEX transfer_by_subject ON ledger_transfer USING btree (subject_id);

CREATE INDEX transfer_by_kind ON ledger_transfer USING btree (kind, created_at) INCLUDE (amount);

ALTER TABLE payments_payment
    ADD CONSTRAINT payment_is_marked_by_somebody_else CHECK (((marked_by_id IS NULL) OR (NOT ((marked_by_id = payer_id) AND (marked_by_id IS NOT NULL))))) NOT VALID;

CREATE INDEX account_by_owner ON ledger_account USING btree (owner_id, currency);

CREATE INDEX transfer_by_time ON ledger_transfer USING brin (created_at) WITH (autosummarize='on', pages_per_range='32');

ALTER TABLE ONLY books_accountnumber
    ADD CONSTRAINT books_accountnumber_pkey PRIMARY KEY (id);

ALTER TABLE ONLY books_accountnumber
    ADD CONSTRAINT books_accountnumber_kind_key UNIQUE (kind);

ALTER TABLE ONLY books_dayclose
    ADD CONSTRAINT books_dayclose_pkey PRIMARY KEY (id);

ALTER TABLE ONLY books_daycloseline
    ADD CONSTRAINT books_daycloseline_pkey PRIMARY KEY (id);

ALTER TABLE ONLY books_dayclose
    ADD CONSTRAINT day_is_closed_once UNIQUE (day, currency);

ALTER TABLE ONLY books_daycloseline
    ADD CONSTRAINT day_close_has_one_line_for_each UNIQUE (day_close_id, kind, name);

CREATE INDEX books_accountnumber_kind_fdf87fd2_like ON books_accountnumber USING btree (kind varchar_pattern_ops);

CREATE INDEX books_dayclose_closed_by_id_26e019eb ON books_dayclose USING btree (closed_by_id);

ALTER TABLE ONLY books_reconciliation
    ADD CONSTRAINT books_reconciliation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY books_difference
    ADD CONSTRAINT books_difference_pkey PRIMARY KEY (id);

CREATE INDEX reconciliation_newest ON books_reconciliation USING btree (provider, until DESC);

CREATE UNIQUE INDEX difference_is_open_once ON books_difference USING btree (provider, reference) WHERE (cleared_at IS NULL);

CREATE INDEX books_reconciliation_made_by_id_9bc348dc ON books_reconciliation USING btree (made_by_id);

CREATE INDEX books_difference_cleared_by_id_1239f2e6 ON books_difference USING btree (cleared_by_id);

CREATE INDEX books_difference_transfer_id_a2bf95ba ON books_difference USING btree (transfer_id);

CREATE INDEX books_difference_reconciliation_id_fb0bd26f ON books_difference USING btree (reconciliation_id);

ALTER TABLE ONLY core_business
    ADD CONSTRAINT core_business_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core_business
    ADD CONSTRAINT core_business_only_key UNIQUE ("only");

ALTER TABLE ONLY core_outboxmessage
    ADD CONSTRAINT core_outboxmessage_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core_outboxmessage
    ADD CONSTRAINT outbox_message_once_per_consumer UNIQUE (event_id, consumer);

ALTER TABLE ONLY core_ratecount
    ADD CONSTRAINT core_ratecount_pkey PRIMARY KEY (id);

ALTER TABLE ONLY core_ratecount
    ADD CONSTRAINT rate_count_once_per_window UNIQUE (key, window_starts_at);

CREATE INDEX outbox_waiting_by_subject ON core_outboxmessage USING btree (consumer, subject_id, id) WHERE ((dead_at IS NULL) AND (delivered_at IS NULL));

CREATE INDEX outbox_waiting ON core_outboxmessage USING btree (id) WHERE ((dead_at IS NULL) AND (delivered_at IS NULL));

CREATE INDEX outbox_dead ON core_outboxmessage USING btree (id DESC) WHERE (dead_at IS NOT NULL);

ALTER TABLE ONLY core_checkrun
    ADD CONSTRAINT core_checkrun_pkey PRIMARY KEY (id);

CREATE INDEX check_run_newest ON core_checkrun USING btree (created_at DESC);

CREATE UNIQUE INDEX transfer_reversed_once ON ledger_transfer USING btree (reverses_id) WHERE (reverses_id IS NOT NULL);

ALTER TABLE ONLY mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_pkey PRIMARY KEY (id);

CREATE INDEX mfa_authenticator_user_id_0c3a50c0 ON mfa_authenticator USING btree (user_id);

CREATE UNIQUE INDEX unique_authenticator_type ON mfa_authenticator USING btree (user_id, type) WHERE ((type)::text = ANY (((ARRAY['totp'::character varying, 'recovery_codes'::character varying])::character varying[])::text[]));

ALTER TABLE ONLY notify_notification
    ADD CONSTRAINT notify_notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY notify_delivery
    ADD CONSTRAINT notify_delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY notify_notificationpreference
    ADD CONSTRAINT notify_notificationpreference_pkey PRIMARY KEY (id);

CREATE INDEX notification_by_user ON notify_notification USING btree (user_id, id DESC);

CREATE INDEX notification_unread ON notify_notification USING btree (user_id) WHERE (in_app AND (read_at IS NULL));

ALTER TABLE ONLY notify_notification
    ADD CONSTRAINT notification_once_per_cause UNIQUE (user_id, key);

CREATE INDEX delivery_by_state ON notify_delivery USING btree (state, id DESC);

ALTER TABLE ONLY notify_delivery
    ADD CONSTRAINT delivery_once_per_channel UNIQUE (notification_id, channel);

ALTER TABLE ONLY notify_notificationpreference
    ADD CONSTRAINT notification_preference_once UNIQUE (user_id, kind, channel);

CREATE INDEX delivery_unfinished ON notify_delivery USING btree (next_attempt_at) WHERE ((state)::text = ANY (((ARRAY['queued'::character varying, 'failed'::character varying])::character varying[])::text[]));

ALTER TABLE ONLY orders_cancellationpolicy
    ADD CONSTRAINT orders_cancellationpolicy_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_order
    ADD CONSTRAINT orders_order_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_order
    ADD CONSTRAINT orders_order_number_key UNIQUE (number);

ALTER TABLE ONLY orders_sharepolicy
    ADD CONSTRAINT orders_sharepolicy_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_line
    ADD CONSTRAINT orders_line_pkey PRIMARY KEY (id);

CREATE INDEX order_by_buyer ON orders_order USING btree (buyer_id, id DESC);

CREATE INDEX share_policy_by_start ON orders_sharepolicy USING btree (active_from DESC);

ALTER TABLE ONLY orders_sharepolicy
    ADD CONSTRAINT share_policy_one_in_force EXCLUDE USING gist (uuidrange(COALESCE(coach_id, '00000000-0000-0000-0000-000000000000'::uuid), COALESCE(coach_id, '00000000-0000-0000-0000-000000000000'::uuid), '[]'::text) WITH &&, tstzrange(active_from, active_until, '[)'::text) WITH &&);

CREATE INDEX line_by_subject ON orders_line USING btree (kind, subject_id);

CREATE UNIQUE INDEX cancellation_policy_one_default ON orders_cancellationpolicy USING btree (is_default) WHERE is_default;

CREATE INDEX orders_order_number_abc9e0f2_like ON orders_order USING btree (number varchar_pattern_ops);

CREATE INDEX orders_sharepolicy_coach_id_03e1b4b0 ON orders_sharepolicy USING btree (coach_id);

CREATE INDEX orders_sharepolicy_created_by_id_0a0c24d8 ON orders_sharepolicy USING btree (created_by_id);

CREATE INDEX orders_sharepolicy_supersedes_id_bae3426f ON orders_sharepolicy USING btree (supersedes_id);

CREATE INDEX orders_line_order_id_c47dcbd1 ON orders_line USING btree (order_id);

CREATE INDEX orders_line_share_policy_id_53a106e9 ON orders_line USING btree (share_policy_id);

ALTER TABLE ONLY orders_split
    ADD CONSTRAINT orders_split_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_splitrule
    ADD CONSTRAINT orders_splitrule_pkey PRIMARY KEY (id);

CREATE INDEX split_by_recipient ON orders_split USING btree (recipient_id, id DESC);

CREATE INDEX orders_splitrule_coach_id_3152b3b4 ON orders_splitrule USING btree (coach_id);

CREATE INDEX orders_splitrule_created_by_id_cf847a71 ON orders_splitrule USING btree (created_by_id);

CREATE INDEX split_rule_by_start ON orders_splitrule USING btree (active_from DESC);

ALTER TABLE ONLY orders_sponsoredperson
    ADD CONSTRAINT orders_sponsoredperson_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_sponsorpayment
    ADD CONSTRAINT orders_sponsorpayment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_sponsorship
    ADD CONSTRAINT orders_sponsorship_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders_sponsoredperson
    ADD CONSTRAINT sponsored_person_once_in_each UNIQUE (user_id, sponsorship_id);

CREATE INDEX orders_sponsorpayment_recorded_by_id_12a94888 ON orders_sponsorpayment USING btree (recorded_by_id);

CREATE INDEX orders_sponsorship_created_by_id_d02d5e88 ON orders_sponsorship USING btree (created_by_id);

CREATE INDEX orders_sponsorship_sponsor_id_ea9632b9 ON orders_sponsorship USING btree (sponsor_id);

CREATE INDEX orders_sponsorpayment_sponsorship_id_fa236d70 ON orders_sponsorpayment USING btree (sponsorship_id);

CREATE INDEX orders_sponsoredperson_sponsorship_id_8dfd95a2 ON orders_sponsoredperson USING btree (sponsorship_id);

CREATE INDEX line_by_sponsorship ON orders_line USING btree (sponsorship_id, id DESC) WHERE (NOT (sponsorship_id IS NULL));

ALTER TABLE ONLY orders_split
    ADD CONSTRAINT split_one_of_each_part_and_person UNIQUE NULLS NOT DISTINCT (line_id, part, recipient_id);

ALTER TABLE ONLY payments_providerevent
    ADD CONSTRAINT payments_providerevent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_providerevent
    ADD CONSTRAINT provider_event_once UNIQUE (provider, event_id);

ALTER TABLE ONLY payments_sandboxcharge
    ADD CONSTRAINT payments_sandboxcharge_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_sandboxcharge
    ADD CONSTRAINT payments_sandboxcharge_key_key UNIQUE (key);

ALTER TABLE ONLY payments_payment
    ADD CONSTRAINT payments_payment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_payment
    ADD CONSTRAINT payment_reference_once UNIQUE (provider, reference);

CREATE INDEX payments_sandboxcharge_key_dbaf1d9a_like ON payments_sandboxcharge USING btree (key varchar_pattern_ops);

CREATE UNIQUE INDEX payment_one_live_per_order ON payments_payment USING btree (order_id) WHERE ((state)::text = ANY (((ARRAY['created'::character varying, 'needs_action'::character varying, 'pending'::character varying, 'unknown'::character varying, 'succeeded'::character varying])::character varying[])::text[]));

CREATE INDEX payments_payment_marked_by_id_fe52c911 ON payments_payment USING btree (marked_by_id);

CREATE INDEX payment_by_payer ON payments_payment USING btree (payer_id, id DESC);

CREATE INDEX payment_by_order ON payments_payment USING btree (order_id);

CREATE INDEX payment_open ON payments_payment USING btree (id) WHERE ((state)::text = ANY (((ARRAY['created'::character varying, 'needs_action'::character varying, 'pending'::character varying, 'unknown'::character varying])::character varying[])::text[]));

ALTER TABLE ONLY payments_payoutaccount
    ADD CONSTRAINT payments_payoutaccount_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_payoutbatch
    ADD CONSTRAINT payments_payoutbatch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payments_payout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_payoutterms
    ADD CONSTRAINT payments_payoutterms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_payoutterms
    ADD CONSTRAINT payments_payoutterms_only_key UNIQUE ("only");

CREATE INDEX payout_account_by_owner ON payments_payoutaccount USING btree (owner_id, id DESC);

CREATE UNIQUE INDEX payout_account_one_default ON payments_payoutaccount USING btree (owner_id) WHERE is_default;

CREATE INDEX payout_by_payee ON payments_payout USING btree (payee_id, id DESC);

CREATE INDEX payout_under_way ON payments_payout USING btree (id) WHERE ((state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying])::character varying[])::text[]));

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payout_reference_once UNIQUE (method, reference);

CREATE INDEX payments_payoutbatch_made_by_id_d62c1300 ON payments_payoutbatch USING btree (made_by_id);

CREATE INDEX payments_payout_approved_by_id_e5a0bac0 ON payments_payout USING btree (approved_by_id);

CREATE INDEX payments_payout_seconded_by_id_864bb8f4 ON payments_payout USING btree (seconded_by_id);

CREATE INDEX payments_payout_account_id_e6aa25e5 ON payments_payout USING btree (account_id);

CREATE INDEX payments_payout_batch_id_a4d315d8 ON payments_payout USING btree (batch_id);

ALTER TABLE ONLY payments_sandboxrefund
    ADD CONSTRAINT payments_sandboxrefund_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_sandboxrefund
    ADD CONSTRAINT payments_sandboxrefund_key_key UNIQUE (key);

CREATE INDEX payments_sandboxrefund_key_3b18998f_like ON payments_sandboxrefund USING btree (key varchar_pattern_ops);

CREATE INDEX payments_sandboxrefund_charge_id_68665b60 ON payments_sandboxrefund USING btree (charge_id);

ALTER TABLE ONLY payments_sandboxcard
    ADD CONSTRAINT payments_sandboxcard_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_sandboxcard
    ADD CONSTRAINT payments_sandboxcard_key_key UNIQUE (key);

ALTER TABLE ONLY payments_paymentmethod
    ADD CONSTRAINT payments_paymentmethod_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_providercustomer
    ADD CONSTRAINT payments_providercustomer_pkey PRIMARY KEY (id);

CREATE INDEX payment_method_by_user ON payments_paymentmethod USING btree (user_id, id DESC);

CREATE INDEX payment_method_unsettled ON payments_paymentmethod USING btree (id) WHERE (((state)::text = 'adding'::text) OR ((forgotten_at IS NULL) AND ((state)::text = 'removed'::text)));

CREATE UNIQUE INDEX payment_method_one_default_per_user ON payments_paymentmethod USING btree (user_id) WHERE is_default;

ALTER TABLE ONLY payments_paymentmethod
    ADD CONSTRAINT payment_method_reference_once UNIQUE (provider, reference);

ALTER TABLE ONLY payments_providercustomer
    ADD CONSTRAINT provider_customer_once UNIQUE (user_id, provider);

ALTER TABLE ONLY payments_providercustomer
    ADD CONSTRAINT provider_customer_is_one_person UNIQUE (provider, reference);

CREATE INDEX payments_sandboxcard_key_72d2e6b6_like ON payments_sandboxcard USING btree (key varchar_pattern_ops);

ALTER TABLE ONLY payments_stripeaccount
    ADD CONSTRAINT payments_stripeaccount_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_stripeaccount
    ADD CONSTRAINT payments_stripeaccount_reference_key UNIQUE (reference);

ALTER TABLE ONLY payments_stripeaccount
    ADD CONSTRAINT payments_stripeaccount_user_id_key UNIQUE (user_id);

CREATE INDEX payments_stripeaccount_reference_f239e6ce_like ON payments_stripeaccount USING btree (reference varchar_pattern_ops);

ALTER TABLE ONLY payments_grant
    ADD CONSTRAINT payments_grant_pkey PRIMARY KEY (id);

CREATE INDEX payments_grant_given_by_id_da410c77 ON payments_grant USING btree (given_by_id);

CREATE INDEX payments_grant_taken_back_by_id_8040dedc ON payments_grant USING btree (taken_back_by_id);

CREATE INDEX grant_by_owner ON payments_grant USING btree (owner_id, id DESC);

CREATE INDEX payments_payoutbatch_read_by_id_47f4a463 ON payments_payoutbatch USING btree (read_by_id);

ALTER TABLE ONLY payments_autotopup
    ADD CONSTRAINT payments_autotopup_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_autotopup
    ADD CONSTRAINT payments_autotopup_user_id_key UNIQUE (user_id);

CREATE INDEX payments_autotopup_method_id_22eb0a34 ON payments_autotopup USING btree (method_id);

CREATE UNIQUE INDEX payment_one_automatic_top_up ON payments_payment USING btree (payer_id) WHERE (is_automatic AND ((state)::text = ANY (((ARRAY['created'::character varying, 'needs_action'::character varying, 'pending'::character varying, 'unknown'::character varying])::character varying[])::text[])));

ALTER TABLE ONLY payments_refund
    ADD CONSTRAINT payments_refund_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_refundterms
    ADD CONSTRAINT payments_refundterms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_refundterms
    ADD CONSTRAINT payments_refundterms_only_key UNIQUE ("only");

CREATE INDEX refund_by_user ON payments_refund USING btree (user_id, id DESC);

CREATE INDEX refund_by_line ON payments_refund USING btree (line_id);

CREATE INDEX refund_waiting ON payments_refund USING btree (id) WHERE ((state)::text = ANY (((ARRAY['asked'::character varying, 'approved'::character varying, 'sent'::character varying, 'failed'::character varying])::character varying[])::text[]));

ALTER TABLE ONLY payments_refund
    ADD CONSTRAINT refund_reference_once UNIQUE (provider, reference);

CREATE UNIQUE INDEX refund_one_open_request_per_line ON payments_refund USING btree (line_id) WHERE ((state)::text = 'asked'::text);

CREATE UNIQUE INDEX refund_one_open_request_per_top_up ON payments_refund USING btree (payment_id) WHERE ((line_id IS NULL) AND ((state)::text = 'asked'::text));

CREATE INDEX payments_refund_marked_by_id_1bf64f87 ON payments_refund USING btree (marked_by_id);

CREATE INDEX payments_refund_payment_id_a70693f7 ON payments_refund USING btree (payment_id);

CREATE INDEX payments_refund_reviewed_by_id_39a69c53 ON payments_refund USING btree (reviewed_by_id);

ALTER TABLE ONLY payments_dispute
    ADD CONSTRAINT payments_dispute_pkey PRIMARY KEY (id);

ALTER TABLE ONLY payments_dispute
    ADD CONSTRAINT dispute_reference_once UNIQUE (provider, reference);

CREATE INDEX payments_dispute_payment_id_2344937c ON payments_dispute USING btree (payment_id);

ALTER TABLE ONLY usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_pkey PRIMARY KEY (id);

ALTER TABLE ONLY usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_session_key_key UNIQUE (session_key);

CREATE INDEX usersessions_usersession_session_key_fd35de43_like ON usersessions_usersession USING btree (session_key varchar_pattern_ops);

CREATE INDEX usersessions_usersession_user_id_af5e0a6d ON usersessions_usersession USING btree (user_id);

ALTER TABLE ONLY people_visit
    ADD CONSTRAINT people_visit_pkey PRIMARY KEY (session_key);

CREATE INDEX people_visit_session_key_05168736_like ON people_visit USING btree (session_key varchar_pattern_ops);

CREATE INDEX people_visit_expire_date_7e561848 ON people_visit USING btree (expire_date);

CREATE UNIQUE INDEX participant_guest_once_by_name ON people_participant USING btree (guest_of_id, lower((name)::text)) WHERE ((guest_of_id IS NOT NULL) AND (left_out_at IS NULL));

CREATE INDEX people_participant_guest_of_id_97cfdfe4 ON people_participant USING btree (guest_of_id);

ALTER TABLE ONLY procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY procrastinate_events
    ADD CONSTRAINT procrastinate_events_pkey PRIMARY KEY (id);

CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON procrastinate_jobs USING btree (queue_name);

ALTER TABLE ONLY procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_pkey PRIMARY KEY (id);

CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON procrastinate_periodic_defers USING btree (job_id);

ALTER TABLE ONLY procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp);

CREATE INDEX procrastinate_events_job_id_fkey_v1 ON procrastinate_events USING btree (job_id);

CREATE INDEX procrastinate_jobs_priority_idx_v1 ON procrastinate_jobs USING btree (priority DESC, id) WHERE (status = 'todo'::procrastinate_job_status);

CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON procrastinate_jobs USING btree (queueing_lock) WHERE (status = 'todo'::procrastinate_job_status);

CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs USING btree (lock) WHERE (status = 'doing'::procrastinate_job_status);

CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON procrastinate_jobs USING btree (id, lock) WHERE (status = ANY (ARRAY['todo'::procrastinate_job_status, 'doing'::procrastinate_job_status]));

ALTER TABLE ONLY procrastinate_workers
    ADD CONSTRAINT procrastinate_workers_pkey PRIMARY KEY (id);

CREATE INDEX idx_procrastinate_jobs_worker_not_null ON procrastinate_jobs USING btree (worker_id) WHERE ((worker_id IS NOT NULL) AND (status = 'doing'::procrastinate_job_status));

CREATE INDEX idx_procrastinate_workers_last_heartbeat ON procrastinate_workers USING btree (last_heartbeat);

ALTER TABLE ONLY schedule_calendarfeed
    ADD CONSTRAINT schedule_calendarfeed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_calendarfeed
    ADD CONSTRAINT schedule_calendarfeed_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY schedule_calendarfeed
    ADD CONSTRAINT schedule_calendarfeed_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY schedule_series
    ADD CONSTRAINT schedule_series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT schedule_booking_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT schedule_booking_line_id_key UNIQUE (line_id);

CREATE INDEX session_by_start ON schedule_session USING btree (starts_at, id);

CREATE INDEX session_by_coach ON schedule_session USING btree (coach_id, starts_at);

CREATE INDEX session_search ON schedule_session USING gin (search);

CREATE UNIQUE INDEX session_imported_once ON schedule_session USING btree (coach_id, source_uid) WHERE (NOT ((source_uid)::text = ''::text));

CREATE INDEX booking_by_payer ON schedule_booking USING btree (booked_by_id, id DESC);

CREATE INDEX booking_by_participant ON schedule_booking USING btree (participant_id, id DESC);

CREATE INDEX booking_waitlist ON schedule_booking USING btree (session_id, waitlisted_at, id) WHERE ((state)::text = 'waitlisted'::text);

CREATE INDEX booking_hold_ends ON schedule_booking USING btree (held_until) WHERE ((state)::text = ANY (((ARRAY['held'::character varying, 'offered'::character varying])::character varying[])::text[]));

CREATE UNIQUE INDEX booking_one_live_per_participant ON schedule_booking USING btree (session_id, participant_id) WHERE (NOT ((state)::text = 'cancelled'::text));

CREATE INDEX schedule_calendarfeed_token_hash_9b7ea102_like ON schedule_calendarfeed USING btree (token_hash varchar_pattern_ops);

CREATE INDEX schedule_series_coach_id_12dc451b ON schedule_series USING btree (coach_id);

CREATE INDEX schedule_session_cancellation_policy_id_b9d6035e ON schedule_session USING btree (cancellation_policy_id);

CREATE INDEX schedule_session_series_id_142ba04c ON schedule_session USING btree (series_id);

CREATE INDEX schedule_booking_session_id_cbd0d8a2 ON schedule_booking USING btree (session_id);

ALTER TABLE ONLY schedule_location
    ADD CONSTRAINT schedule_location_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_room
    ADD CONSTRAINT schedule_room_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_service
    ADD CONSTRAINT schedule_service_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_service_locations
    ADD CONSTRAINT schedule_service_locations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_service_rooms
    ADD CONSTRAINT schedule_service_rooms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_servicecoach
    ADD CONSTRAINT schedule_servicecoach_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_serviceprice
    ADD CONSTRAINT schedule_serviceprice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_timeoff
    ADD CONSTRAINT schedule_timeoff_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_travel
    ADD CONSTRAINT schedule_travel_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_workingterms
    ADD CONSTRAINT schedule_workingterms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_workingterms
    ADD CONSTRAINT schedule_workingterms_coach_id_key UNIQUE (coach_id);

ALTER TABLE ONLY schedule_availabilityexception
    ADD CONSTRAINT schedule_availabilityexception_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_availability
    ADD CONSTRAINT schedule_availability_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX room_name_is_one ON schedule_room USING btree (location_id, name) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX service_name_is_one ON schedule_service USING btree (name) WHERE is_offered;

ALTER TABLE ONLY schedule_servicecoach
    ADD CONSTRAINT service_coach_once UNIQUE (service_id, coach_id);

ALTER TABLE ONLY schedule_serviceprice
    ADD CONSTRAINT service_price_one_for_each_size UNIQUE (service_id, people);

CREATE INDEX time_off_of_coach ON schedule_timeoff USING btree (coach_id, ends_at);

CREATE INDEX travel_of_coach ON schedule_travel USING btree (coach_id, ends_on);

CREATE UNIQUE INDEX location_name_is_one ON schedule_location USING btree (name) WHERE (closed_at IS NULL);

CREATE INDEX schedule_room_location_id_c0e7e118 ON schedule_room USING btree (location_id);

CREATE INDEX schedule_service_cancellation_policy_id_96518393 ON schedule_service USING btree (cancellation_policy_id);

ALTER TABLE ONLY schedule_service_locations
    ADD CONSTRAINT schedule_service_locations_service_id_location_id_d0699f28_uniq UNIQUE (service_id, location_id);

CREATE INDEX schedule_service_locations_service_id_a6df7603 ON schedule_service_locations USING btree (service_id);

CREATE INDEX schedule_service_locations_location_id_daf804fb ON schedule_service_locations USING btree (location_id);

ALTER TABLE ONLY schedule_service_rooms
    ADD CONSTRAINT schedule_service_rooms_service_id_room_id_e24fc56c_uniq UNIQUE (service_id, room_id);

CREATE INDEX schedule_service_rooms_service_id_7c89ea41 ON schedule_service_rooms USING btree (service_id);

CREATE INDEX schedule_service_rooms_room_id_a2046ebc ON schedule_service_rooms USING btree (room_id);

CREATE INDEX schedule_servicecoach_coach_id_a61666b2 ON schedule_servicecoach USING btree (coach_id);

CREATE INDEX schedule_timeoff_stand_in_id_5f9b32d4 ON schedule_timeoff USING btree (stand_in_id);

CREATE UNIQUE INDEX availability_exception_closed_once ON schedule_availabilityexception USING btree (coach_id, day) WHERE (opens IS NULL);

CREATE INDEX schedule_availabilityexception_location_id_a30da9a0 ON schedule_availabilityexception USING btree (location_id);

CREATE INDEX availability_exception_day ON schedule_availabilityexception USING btree (coach_id, day);

CREATE INDEX schedule_availability_location_id_82609665 ON schedule_availability USING btree (location_id);

CREATE INDEX availability_of_coach ON schedule_availability USING btree (coach_id, weekday, opens);

CREATE INDEX schedule_session_service_id_b46c2742 ON schedule_session USING btree (service_id);

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT booking_participant_never_in_two_at_once EXCLUDE USING gist (uuidrange(participant_id, participant_id, '[]'::text) WITH &&, tstzrange(starts_at, ends_at, '[)'::text) WITH &&) WHERE (((starts_at IS NOT NULL) AND ((state)::text = ANY (((ARRAY['held'::character varying, 'confirmed'::character varying, 'attended'::character varying, 'no_show'::character varying])::character varying[])::text[]))));

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT session_room_never_in_two_at_once EXCLUDE USING gist (uuidrange(room_id, room_id, '[]'::text) WITH &&, tstzrange(COALESCE(busy_from, starts_at), COALESCE(busy_until, ends_at), '[)'::text) WITH &&) WHERE (((NOT ((status)::text = 'cancelled'::text)) AND (room_id IS NOT NULL)));

ALTER TABLE ONLY schedule_coachtime
    ADD CONSTRAINT schedule_coachtime_pkey PRIMARY KEY (coach_id);

ALTER TABLE ONLY schedule_coachweek
    ADD CONSTRAINT schedule_coachweek_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_coachweek
    ADD CONSTRAINT coach_week_once UNIQUE (coach_id, week);

ALTER TABLE ONLY schedule_miss
    ADD CONSTRAINT schedule_miss_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_miss
    ADD CONSTRAINT schedule_miss_booking_id_key UNIQUE (booking_id);

CREATE INDEX schedule_miss_waived_by_id_2a2f003d ON schedule_miss USING btree (waived_by_id);

CREATE INDEX miss_by_person ON schedule_miss USING btree (user_id, at DESC);

ALTER TABLE ONLY schedule_attendance
    ADD CONSTRAINT schedule_attendance_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_attendance
    ADD CONSTRAINT attendance_by_hand_never_overlaps EXCLUDE USING gist (uuidrange(session_id, session_id, '[]'::text) WITH &&, uuidrange(participant_id, participant_id, '[]'::text) WITH &&, tstzrange(joined_at, left_at, '[)'::text) WITH &&) WHERE (((source)::text = 'hand'::text));

ALTER TABLE ONLY schedule_attendance
    ADD CONSTRAINT attendance_in_room_never_overlaps EXCLUDE USING gist (uuidrange(session_id, session_id, '[]'::text) WITH &&, uuidrange(participant_id, participant_id, '[]'::text) WITH &&, tstzrange(joined_at, left_at, '[)'::text) WITH &&) WHERE (((source)::text = 'room'::text));

CREATE INDEX schedule_attendance_participant_id_0be43f0e ON schedule_attendance USING btree (participant_id);

CREATE INDEX schedule_attendance_session_id_402a31f9 ON schedule_attendance USING btree (session_id);

CREATE INDEX attendance_open ON schedule_attendance USING btree (session_id) WHERE (left_at IS NULL);

ALTER TABLE ONLY schedule_sessionnote
    ADD CONSTRAINT schedule_sessionnote_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_sessionreview
    ADD CONSTRAINT schedule_sessionreview_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_sessionreview
    ADD CONSTRAINT review_one_of_each_side UNIQUE (session_id, participant_id, side);

ALTER TABLE ONLY schedule_sessionnote
    ADD CONSTRAINT note_one_of_each_author UNIQUE NULLS NOT DISTINCT (session_id, author_id, participant_id);

CREATE INDEX schedule_sessionnote_author_id_7e0d6b6b ON schedule_sessionnote USING btree (author_id);

CREATE INDEX schedule_sessionnote_participant_id_86958fad ON schedule_sessionnote USING btree (participant_id);

CREATE INDEX schedule_sessionreview_author_id_efe69afa ON schedule_sessionreview USING btree (author_id);

CREATE INDEX review_by_subject ON schedule_sessionreview USING btree (subject_id, id DESC);

CREATE INDEX review_to_tell ON schedule_sessionreview USING btree (session_id) WHERE (told_at IS NULL);

ALTER TABLE ONLY schedule_calendarconnection
    ADD CONSTRAINT schedule_calendarconnection_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_calendarchannel
    ADD CONSTRAINT schedule_calendarchannel_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_outsideevent
    ADD CONSTRAINT schedule_outsideevent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_writtenevent
    ADD CONSTRAINT schedule_writtenevent_pkey PRIMARY KEY (id);

CREATE INDEX calendar_connection_due ON schedule_calendarconnection USING btree (due_at) WHERE (NOT ((state)::text = 'off'::text));

CREATE INDEX calendar_channel_ends ON schedule_calendarchannel USING btree (ends_at);

CREATE INDEX outside_event_by_user_and_time ON schedule_outsideevent USING gist (uuidrange(user_id, user_id, '[]'::text), tstzrange(starts_at, ends_at, '[)'::text)) WHERE is_busy;

CREATE INDEX outside_event_by_part ON schedule_outsideevent USING btree (connection_id, href);

CREATE INDEX outside_event_past ON schedule_outsideevent USING btree (ends_at);

ALTER TABLE ONLY schedule_outsideevent
    ADD CONSTRAINT outside_event_once_in_its_calendar UNIQUE (connection_id, uid, recurrence_id);

ALTER TABLE ONLY schedule_writtenevent
    ADD CONSTRAINT written_event_once_in_its_calendar UNIQUE (connection_id, uid);

CREATE INDEX schedule_calendarconnection_user_id_a3a7a442 ON schedule_calendarconnection USING btree (user_id);

CREATE INDEX schedule_calendarchannel_connection_id_acc6c2ce ON schedule_calendarchannel USING btree (connection_id);

CREATE INDEX schedule_writtenevent_booking_id_508a37bf ON schedule_writtenevent USING btree (booking_id);

CREATE INDEX schedule_writtenevent_session_id_96c89cfc ON schedule_writtenevent USING btree (session_id);

ALTER TABLE ONLY schedule_travel
    ADD CONSTRAINT travel_one_zone_on_a_day EXCLUDE USING gist (uuidrange(coach_id, coach_id, '[]'::text) WITH &&, daterange(starts_on, ends_on, '[]'::text) WITH &&);

ALTER TABLE ONLY schedule_sessionresource
    ADD CONSTRAINT schedule_sessionresource_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX resource_file_is_one_rows ON schedule_sessionresource USING btree (file_key) WHERE (NOT ((file_key)::text = ''::text));

CREATE UNIQUE INDEX resource_is_fetched_once ON schedule_sessionresource USING btree (session_id, source_id) WHERE (NOT ((source_id)::text = ''::text));

CREATE INDEX schedule_sessionresource_session_id_32ef7111 ON schedule_sessionresource USING btree (session_id);

ALTER TABLE ONLY schedule_videoroom
    ADD CONSTRAINT schedule_videoroom_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_videoroom
    ADD CONSTRAINT schedule_videoroom_session_id_key UNIQUE (session_id);

ALTER TABLE ONLY schedule_videoroomevent
    ADD CONSTRAINT schedule_videoroomevent_pkey PRIMARY KEY (id);

CREATE INDEX video_room_under_way ON schedule_videoroom USING btree (opened_at) WHERE ((ended_at IS NULL) AND (opened_at IS NOT NULL));

ALTER TABLE ONLY schedule_videoroom
    ADD CONSTRAINT video_room_is_one_at_its_provider UNIQUE (provider, reference);

ALTER TABLE ONLY schedule_videoroomevent
    ADD CONSTRAINT video_room_event_counts_once UNIQUE (room_id, event_id);

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_participant_id_key UNIQUE (participant_id);

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_session_id_key UNIQUE (session_id);

CREATE UNIQUE INDEX intro_one_for_each_address_and_coach ON schedule_intro USING btree (coach_id, email) WHERE (is_only AND ((state)::text = ANY (((ARRAY['confirmed'::character varying, 'attended'::character varying, 'no_show'::character varying])::character varying[])::text[])) AND (NOT ((email)::text = ''::text)));

CREATE INDEX schedule_intro_token_hash_0d19c1fb_like ON schedule_intro USING btree (token_hash varchar_pattern_ops);

CREATE INDEX intro_by_coach ON schedule_intro USING btree (coach_id, id DESC);

CREATE INDEX intro_hold_ends ON schedule_intro USING btree (held_until) WHERE ((state)::text = 'held'::text);

CREATE INDEX intro_to_forget ON schedule_intro USING btree (created_at) WHERE (forgotten_at IS NULL);

ALTER TABLE ONLY schedule_embed
    ADD CONSTRAINT schedule_embed_pkey PRIMARY KEY (id);

CREATE INDEX embed_by_coach ON schedule_embed USING btree (coach_id, id DESC);

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT session_claims_one_time UNIQUE (id, claimed);

ALTER TABLE ONLY schedule_sessioncoach
    ADD CONSTRAINT schedule_sessioncoach_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_sessioncoach
    ADD CONSTRAINT session_coach_never_in_two_at_once EXCLUDE USING gist (uuidrange(coach_id, coach_id, '[]'::text) WITH &&, claimed WITH &&);

ALTER TABLE ONLY schedule_sessioncoach
    ADD CONSTRAINT session_coach_once_in_each UNIQUE (session_id, coach_id);

CREATE INDEX session_coach_by_time ON schedule_sessioncoach USING btree (coach_id, claimed) INCLUDE (session_id);

CREATE INDEX booking_by_party ON schedule_booking USING btree (party) WHERE (party IS NOT NULL);

CREATE INDEX session_keeps_seats ON schedule_session USING btree (starts_at) WHERE (seats_kept > 0);

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT booking_party_is_offered_together EXCLUDE USING gist (uuidrange(party, party, '[]'::text) WITH &&, int4range(
CASE
    WHEN ((state)::text = 'offered'::text) THEN 1
    ELSE 0
END,
CASE
    WHEN ((state)::text = 'offered'::text) THEN 1
    ELSE 0
END, '[]'::text) WITH -|-) WHERE (((party IS NOT NULL) AND ((state)::text = ANY (((ARRAY['waitlisted'::character varying, 'offered'::character varying])::character varying[])::text[])))) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT booking_party_is_taken_together EXCLUDE USING gist (uuidrange(party, party, '[]'::text) WITH &&, int4range(
CASE
    WHEN ((state)::text = ANY (((ARRAY['waitlisted'::character varying, 'offered'::character varying])::character varying[])::text[])) THEN 0
    ELSE 1
END,
CASE
    WHEN ((state)::text = ANY (((ARRAY['waitlisted'::character varying, 'offered'::character varying])::character varying[])::text[])) THEN 0
    ELSE 1
END, '[]'::text) WITH -|-) WHERE (((party IS NOT NULL) AND (NOT ((state)::text = 'cancelled'::text)))) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_calendaroverlap
    ADD CONSTRAINT schedule_calendaroverlap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY schedule_calendaroverlap
    ADD CONSTRAINT calendar_overlap_told_once UNIQUE (session_id, user_id);

CREATE INDEX session_coach_by_place ON schedule_sessioncoach USING btree (stands_in_for_id) WHERE (stands_in_for_id IS NOT NULL);

CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 AFTER UPDATE OF abort_requested ON procrastinate_jobs FOR EACH ROW WHEN (((old.abort_requested = false) AND (new.abort_requested = true) AND (new.status = 'doing'::procrastinate_job_status))) EXECUTE FUNCTION procrastinate_notify_queue_abort_job_v1();

CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status)) EXECUTE FUNCTION procrastinate_notify_queue_job_inserted_v1();

CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1 AFTER UPDATE OF abort_requested ON procrastinate_jobs FOR EACH ROW WHEN ((new.abort_requested = true)) EXECUTE FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1();

CREATE TRIGGER procrastinate_trigger_delete_jobs_v1 BEFORE DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION procrastinate_unlink_periodic_defers_v1();

CREATE TRIGGER procrastinate_trigger_scheduled_events_v1 AFTER INSERT OR UPDATE ON procrastinate_jobs FOR EACH ROW WHEN (((new.scheduled_at IS NOT NULL) AND (new.status = 'todo'::procrastinate_job_status))) EXECUTE FUNCTION procrastinate_trigger_function_scheduled_events_v1();

CREATE TRIGGER procrastinate_trigger_status_events_insert_v1 AFTER INSERT ON procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status)) EXECUTE FUNCTION procrastinate_trigger_function_status_events_insert_v1();

CREATE TRIGGER procrastinate_trigger_status_events_update_v1 AFTER UPDATE OF status ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION procrastinate_trigger_function_status_events_update_v1();

ALTER TABLE ONLY access_apiclient
    ADD CONSTRAINT access_apiclient_owner_id_0a432eb0_fk_people_user_id FOREIGN KEY (owner_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY access_idempotencykey
    ADD CONSTRAINT access_idempotencykey_actor_id_c881796d_fk_people_user_id FOREIGN KEY (actor_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_2c513194_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY account_emailconfirmation
    ADD CONSTRAINT account_emailconfirm_email_address_id_5b7f8c58_fk_account_e FOREIGN KEY (email_address_id) REFERENCES account_emailaddress(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES auth_permission(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES auth_group(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES django_content_type(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY books_dayclose
    ADD CONSTRAINT books_dayclose_closed_by_id_26e019eb_fk_people_user_id FOREIGN KEY (closed_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY books_daycloseline
    ADD CONSTRAINT books_daycloseline_day_close_id_35355b20_fk_books_dayclose_id FOREIGN KEY (day_close_id) REFERENCES books_dayclose(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY books_difference
    ADD CONSTRAINT books_difference_cleared_by_id_1239f2e6_fk_people_user_id FOREIGN KEY (cleared_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY books_difference
    ADD CONSTRAINT books_difference_reconciliation_id_fb0bd26f_fk_books_rec FOREIGN KEY (reconciliation_id) REFERENCES books_reconciliation(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY books_difference
    ADD CONSTRAINT books_difference_transfer_id_a2bf95ba_fk_ledger_transfer_id FOREIGN KEY (transfer_id) REFERENCES ledger_transfer(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY books_reconciliation
    ADD CONSTRAINT books_reconciliation_made_by_id_9bc348dc_fk_people_user_id FOREIGN KEY (made_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY ledger_account
    ADD CONSTRAINT ledger_account_owner_id_c8eca69b_fk_people_user_id FOREIGN KEY (owner_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_user_id_0c3a50c0_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY notify_delivery
    ADD CONSTRAINT notify_delivery_notification_id_bf0f2066_fk_notify_no FOREIGN KEY (notification_id) REFERENCES notify_notification(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY notify_notification
    ADD CONSTRAINT notify_notification_user_id_51ff9cec_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY notify_notificationpreference
    ADD CONSTRAINT notify_notificationp_user_id_4934fd38_fk_people_us FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_line
    ADD CONSTRAINT orders_line_order_id_c47dcbd1_fk_orders_order_id FOREIGN KEY (order_id) REFERENCES orders_order(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_line
    ADD CONSTRAINT orders_line_share_policy_id_53a106e9_fk_orders_sharepolicy_id FOREIGN KEY (share_policy_id) REFERENCES orders_sharepolicy(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_line
    ADD CONSTRAINT orders_line_split_rule_id_41b0f255_fk_orders_splitrule_id FOREIGN KEY (split_rule_id) REFERENCES orders_splitrule(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_line
    ADD CONSTRAINT orders_line_sponsorship_id_94ce25c9_fk_orders_sponsorship_id FOREIGN KEY (sponsorship_id) REFERENCES orders_sponsorship(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_order
    ADD CONSTRAINT orders_order_buyer_id_26195532_fk_people_user_id FOREIGN KEY (buyer_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sharepolicy
    ADD CONSTRAINT orders_sharepolicy_coach_id_03e1b4b0_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sharepolicy
    ADD CONSTRAINT orders_sharepolicy_created_by_id_0a0c24d8_fk_people_user_id FOREIGN KEY (created_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sharepolicy
    ADD CONSTRAINT orders_sharepolicy_supersedes_id_bae3426f_fk_orders_sh FOREIGN KEY (supersedes_id) REFERENCES orders_sharepolicy(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_split
    ADD CONSTRAINT orders_split_line_id_b6bfa09c_fk_orders_line_id FOREIGN KEY (line_id) REFERENCES orders_line(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_split
    ADD CONSTRAINT orders_split_recipient_id_237ed2ba_fk_people_user_id FOREIGN KEY (recipient_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_splitrule
    ADD CONSTRAINT orders_splitrule_coach_id_3152b3b4_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_splitrule
    ADD CONSTRAINT orders_splitrule_created_by_id_cf847a71_fk_people_user_id FOREIGN KEY (created_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sponsoredperson
    ADD CONSTRAINT orders_sponsoredpers_sponsorship_id_8dfd95a2_fk_orders_sp FOREIGN KEY (sponsorship_id) REFERENCES orders_sponsorship(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sponsoredperson
    ADD CONSTRAINT orders_sponsoredperson_user_id_b244891f_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sponsorpayment
    ADD CONSTRAINT orders_sponsorpaymen_sponsorship_id_fa236d70_fk_orders_sp FOREIGN KEY (sponsorship_id) REFERENCES orders_sponsorship(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sponsorpayment
    ADD CONSTRAINT orders_sponsorpayment_recorded_by_id_12a94888_fk_people_user_id FOREIGN KEY (recorded_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sponsorship
    ADD CONSTRAINT orders_sponsorship_created_by_id_d02d5e88_fk_people_user_id FOREIGN KEY (created_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY orders_sponsorship
    ADD CONSTRAINT orders_sponsorship_sponsor_id_ea9632b9_fk_people_user_id FOREIGN KEY (sponsor_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_autotopup
    ADD CONSTRAINT payments_autotopup_method_id_22eb0a34_fk_payments_ FOREIGN KEY (method_id) REFERENCES payments_paymentmethod(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_autotopup
    ADD CONSTRAINT payments_autotopup_user_id_f9e67e2c_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_dispute
    ADD CONSTRAINT payments_dispute_payment_id_2344937c_fk_payments_payment_id FOREIGN KEY (payment_id) REFERENCES payments_payment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_grant
    ADD CONSTRAINT payments_grant_given_by_id_da410c77_fk_people_user_id FOREIGN KEY (given_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_grant
    ADD CONSTRAINT payments_grant_owner_id_90092450_fk_people_user_id FOREIGN KEY (owner_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_grant
    ADD CONSTRAINT payments_grant_taken_back_by_id_8040dedc_fk_people_user_id FOREIGN KEY (taken_back_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payment
    ADD CONSTRAINT payments_payment_marked_by_id_fe52c911_fk_people_user_id FOREIGN KEY (marked_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payment
    ADD CONSTRAINT payments_payment_payer_id_90660d0f_fk_people_user_id FOREIGN KEY (payer_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payment
    ADD CONSTRAINT payments_payment_saved_method_id_f10606e3_fk_payments_ FOREIGN KEY (saved_method_id) REFERENCES payments_paymentmethod(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_paymentmethod
    ADD CONSTRAINT payments_paymentmethod_user_id_920d7ec9_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payments_payout_account_id_e6aa25e5_fk_payments_ FOREIGN KEY (account_id) REFERENCES payments_payoutaccount(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payments_payout_approved_by_id_e5a0bac0_fk_people_user_id FOREIGN KEY (approved_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payments_payout_batch_id_a4d315d8_fk_payments_payoutbatch_id FOREIGN KEY (batch_id) REFERENCES payments_payoutbatch(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payments_payout_payee_id_98920b24_fk_people_user_id FOREIGN KEY (payee_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payout
    ADD CONSTRAINT payments_payout_seconded_by_id_864bb8f4_fk_people_user_id FOREIGN KEY (seconded_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payoutaccount
    ADD CONSTRAINT payments_payoutaccount_owner_id_f0ee8be3_fk_people_user_id FOREIGN KEY (owner_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payoutbatch
    ADD CONSTRAINT payments_payoutbatch_made_by_id_d62c1300_fk_people_user_id FOREIGN KEY (made_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_payoutbatch
    ADD CONSTRAINT payments_payoutbatch_read_by_id_47f4a463_fk_people_user_id FOREIGN KEY (read_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_providercustomer
    ADD CONSTRAINT payments_providercustomer_user_id_3c0d241d_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_refund
    ADD CONSTRAINT payments_refund_marked_by_id_1bf64f87_fk_people_user_id FOREIGN KEY (marked_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_refund
    ADD CONSTRAINT payments_refund_payment_id_a70693f7_fk_payments_payment_id FOREIGN KEY (payment_id) REFERENCES payments_payment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_refund
    ADD CONSTRAINT payments_refund_reviewed_by_id_39a69c53_fk_people_user_id FOREIGN KEY (reviewed_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_refund
    ADD CONSTRAINT payments_refund_user_id_024e7071_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_sandboxrefund
    ADD CONSTRAINT payments_sandboxrefu_charge_id_68665b60_fk_payments_ FOREIGN KEY (charge_id) REFERENCES payments_sandboxcharge(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY payments_stripeaccount
    ADD CONSTRAINT payments_stripeaccount_user_id_22773852_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_coachprofile
    ADD CONSTRAINT people_coachprofile_user_id_4452ff0a_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_import
    ADD CONSTRAINT people_import_created_by_id_7072d672_fk_people_user_id FOREIGN KEY (created_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_invite
    ADD CONSTRAINT people_invite_accepted_by_id_4cc39cd5_fk_people_user_id FOREIGN KEY (accepted_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_invite
    ADD CONSTRAINT people_invite_created_by_id_c9066210_fk_people_user_id FOREIGN KEY (created_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_participant
    ADD CONSTRAINT people_participant_guest_of_id_97cfdfe4_fk_people_user_id FOREIGN KEY (guest_of_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_participant
    ADD CONSTRAINT people_participant_user_id_21e2eaef_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_rolegrant
    ADD CONSTRAINT people_rolegrant_granted_by_id_7116f728_fk_people_user_id FOREIGN KEY (granted_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY people_rolegrant
    ADD CONSTRAINT people_rolegrant_user_id_066ec3ef_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY procrastinate_events
    ADD CONSTRAINT procrastinate_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES procrastinate_jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES procrastinate_workers(id) ON DELETE SET NULL;

ALTER TABLE ONLY procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_job_id_fkey FOREIGN KEY (job_id) REFERENCES procrastinate_jobs(id);

ALTER TABLE ONLY schedule_attendance
    ADD CONSTRAINT schedule_attendance_noted_by_id_687f962c_fk_people_user_id FOREIGN KEY (noted_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_attendance
    ADD CONSTRAINT schedule_attendance_participant_id_0be43f0e_fk_people_pa FOREIGN KEY (participant_id) REFERENCES people_participant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_attendance
    ADD CONSTRAINT schedule_attendance_session_id_402a31f9_fk_schedule_session_id FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_availabilityexception
    ADD CONSTRAINT schedule_availabilit_coach_id_e6c7d2ff_fk_people_us FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_availability
    ADD CONSTRAINT schedule_availabilit_location_id_82609665_fk_schedule_ FOREIGN KEY (location_id) REFERENCES schedule_location(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_availabilityexception
    ADD CONSTRAINT schedule_availabilit_location_id_a30da9a0_fk_schedule_ FOREIGN KEY (location_id) REFERENCES schedule_location(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_availability
    ADD CONSTRAINT schedule_availability_coach_id_7ad8434a_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT schedule_booking_booked_by_id_863824f6_fk_people_user_id FOREIGN KEY (booked_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT schedule_booking_line_id_6f6faf26_fk_orders_line_id FOREIGN KEY (line_id) REFERENCES orders_line(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT schedule_booking_participant_id_df534293_fk_people_pa FOREIGN KEY (participant_id) REFERENCES people_participant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_booking
    ADD CONSTRAINT schedule_booking_session_id_cbd0d8a2_fk_schedule_session_id FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_calendarchannel
    ADD CONSTRAINT schedule_calendarcha_connection_id_acc6c2ce_fk_schedule_ FOREIGN KEY (connection_id) REFERENCES schedule_calendarconnection(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_calendarconnection
    ADD CONSTRAINT schedule_calendarconnection_user_id_a3a7a442_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_calendarfeed
    ADD CONSTRAINT schedule_calendarfeed_user_id_0696a396_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_calendaroverlap
    ADD CONSTRAINT schedule_calendarove_session_id_1c51160c_fk_schedule_ FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_calendaroverlap
    ADD CONSTRAINT schedule_calendaroverlap_user_id_baf0c7c2_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_coachtime
    ADD CONSTRAINT schedule_coachtime_coach_id_2f0c77dd_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_coachweek
    ADD CONSTRAINT schedule_coachweek_coach_id_6eb24b1e_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_embed
    ADD CONSTRAINT schedule_embed_coach_id_22230228_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_embed
    ADD CONSTRAINT schedule_embed_service_id_1c95f553_fk_schedule_service_id FOREIGN KEY (service_id) REFERENCES schedule_service(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_coach_id_0a023d69_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_participant_id_b9bc731a_fk_people_participant_id FOREIGN KEY (participant_id) REFERENCES people_participant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_intro
    ADD CONSTRAINT schedule_intro_session_id_4f749f64_fk_schedule_session_id FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_miss
    ADD CONSTRAINT schedule_miss_booking_id_cb703c3b_fk_schedule_booking_id FOREIGN KEY (booking_id) REFERENCES schedule_booking(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_miss
    ADD CONSTRAINT schedule_miss_user_id_f475abf2_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_miss
    ADD CONSTRAINT schedule_miss_waived_by_id_2a2f003d_fk_people_user_id FOREIGN KEY (waived_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_outsideevent
    ADD CONSTRAINT schedule_outsideeven_connection_id_6acb95de_fk_schedule_ FOREIGN KEY (connection_id) REFERENCES schedule_calendarconnection(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_outsideevent
    ADD CONSTRAINT schedule_outsideevent_user_id_0bd634d4_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_room
    ADD CONSTRAINT schedule_room_location_id_c0e7e118_fk_schedule_location_id FOREIGN KEY (location_id) REFERENCES schedule_location(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_series
    ADD CONSTRAINT schedule_series_coach_id_12dc451b_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_service
    ADD CONSTRAINT schedule_service_cancellation_policy__96518393_fk_orders_ca FOREIGN KEY (cancellation_policy_id) REFERENCES orders_cancellationpolicy(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_service
    ADD CONSTRAINT schedule_service_creator_id_d99d3f85_fk_people_user_id FOREIGN KEY (creator_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_service_locations
    ADD CONSTRAINT schedule_service_loc_location_id_daf804fb_fk_schedule_ FOREIGN KEY (location_id) REFERENCES schedule_location(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_service_locations
    ADD CONSTRAINT schedule_service_loc_service_id_a6df7603_fk_schedule_ FOREIGN KEY (service_id) REFERENCES schedule_service(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_service_rooms
    ADD CONSTRAINT schedule_service_roo_service_id_7c89ea41_fk_schedule_ FOREIGN KEY (service_id) REFERENCES schedule_service(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_service_rooms
    ADD CONSTRAINT schedule_service_rooms_room_id_a2046ebc_fk_schedule_room_id FOREIGN KEY (room_id) REFERENCES schedule_room(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_servicecoach
    ADD CONSTRAINT schedule_servicecoac_service_id_7ffa8e0b_fk_schedule_ FOREIGN KEY (service_id) REFERENCES schedule_service(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_servicecoach
    ADD CONSTRAINT schedule_servicecoach_coach_id_a61666b2_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_serviceprice
    ADD CONSTRAINT schedule_servicepric_service_id_7778de37_fk_schedule_ FOREIGN KEY (service_id) REFERENCES schedule_service(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_cancellation_policy__b9d6035e_fk_orders_ca FOREIGN KEY (cancellation_policy_id) REFERENCES orders_cancellationpolicy(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_coach_id_335e40ca_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_creator_id_2d3f479b_fk_people_user_id FOREIGN KEY (creator_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_location_id_e47c6cd2_fk_schedule_location_id FOREIGN KEY (location_id) REFERENCES schedule_location(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_room_id_6985dc2b_fk_schedule_room_id FOREIGN KEY (room_id) REFERENCES schedule_room(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_series_id_142ba04c_fk_schedule_series_id FOREIGN KEY (series_id) REFERENCES schedule_series(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT schedule_session_service_id_b46c2742_fk_schedule_service_id FOREIGN KEY (service_id) REFERENCES schedule_service(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessioncoach
    ADD CONSTRAINT schedule_sessioncoac_stands_in_for_id_f85c6ee2_fk_people_us FOREIGN KEY (stands_in_for_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessioncoach
    ADD CONSTRAINT schedule_sessioncoach_coach_id_682da5aa_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionnote
    ADD CONSTRAINT schedule_sessionnote_author_id_7e0d6b6b_fk_people_user_id FOREIGN KEY (author_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionnote
    ADD CONSTRAINT schedule_sessionnote_participant_id_86958fad_fk_people_pa FOREIGN KEY (participant_id) REFERENCES people_participant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionnote
    ADD CONSTRAINT schedule_sessionnote_session_id_9f1c0964_fk_schedule_session_id FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionresource
    ADD CONSTRAINT schedule_sessionreso_session_id_32ef7111_fk_schedule_ FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionresource
    ADD CONSTRAINT schedule_sessionreso_uploaded_by_id_6f6cbe13_fk_people_us FOREIGN KEY (uploaded_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionreview
    ADD CONSTRAINT schedule_sessionrevi_participant_id_6ded702c_fk_people_pa FOREIGN KEY (participant_id) REFERENCES people_participant(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionreview
    ADD CONSTRAINT schedule_sessionrevi_session_id_797abacd_fk_schedule_ FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionreview
    ADD CONSTRAINT schedule_sessionreview_author_id_efe69afa_fk_people_user_id FOREIGN KEY (author_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessionreview
    ADD CONSTRAINT schedule_sessionreview_subject_id_58c63a85_fk_people_user_id FOREIGN KEY (subject_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_timeoff
    ADD CONSTRAINT schedule_timeoff_coach_id_3f4c970c_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_timeoff
    ADD CONSTRAINT schedule_timeoff_stand_in_id_5f9b32d4_fk_people_user_id FOREIGN KEY (stand_in_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_travel
    ADD CONSTRAINT schedule_travel_coach_id_71dc7a1a_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_videoroom
    ADD CONSTRAINT schedule_videoroom_made_by_id_e4822099_fk_people_user_id FOREIGN KEY (made_by_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_videoroom
    ADD CONSTRAINT schedule_videoroom_session_id_4321e500_fk_schedule_session_id FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_videoroomevent
    ADD CONSTRAINT schedule_videoroomev_room_id_079faf24_fk_schedule_ FOREIGN KEY (room_id) REFERENCES schedule_videoroom(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_workingterms
    ADD CONSTRAINT schedule_workingterms_coach_id_76089b8a_fk_people_user_id FOREIGN KEY (coach_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_writtenevent
    ADD CONSTRAINT schedule_writteneven_booking_id_508a37bf_fk_schedule_ FOREIGN KEY (booking_id) REFERENCES schedule_booking(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_writtenevent
    ADD CONSTRAINT schedule_writteneven_connection_id_08ced54e_fk_schedule_ FOREIGN KEY (connection_id) REFERENCES schedule_calendarconnection(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_writtenevent
    ADD CONSTRAINT schedule_writteneven_session_id_96c89cfc_fk_schedule_ FOREIGN KEY (session_id) REFERENCES schedule_session(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY schedule_sessioncoach
    ADD CONSTRAINT session_coach_claims_what_it_takes FOREIGN KEY (session_id, claimed) REFERENCES schedule_session(id, claimed) ON UPDATE CASCADE;

ALTER TABLE ONLY schedule_session
    ADD CONSTRAINT session_is_led_by_one_of_its_coaches FOREIGN KEY (id, coach_id) REFERENCES schedule_sessioncoach(session_id, coach_id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_user_id_af5e0a6d_fk_people_user_id FOREIGN KEY (user_id) REFERENCES people_user(id) DEFERRABLE INITIALLY DEFERRED;

INSERT INTO django_migrations (app, name, applied) VALUES
    ('people', '0001_initial', now()),
    ('access', '0001_initial', now()),
    ('access', '0002_one_index_each', now()),
    ('access', '0003_no_index_twice', now()),
    ('account', '0001_initial', now()),
    ('account', '0002_email_max_length', now()),
    ('account', '0003_alter_emailaddress_create_unique_verified_email', now()),
    ('account', '0004_alter_emailaddress_drop_unique_email', now()),
    ('account', '0005_emailaddress_idx_upper_email', now()),
    ('account', '0006_emailaddress_lower', now()),
    ('account', '0007_emailaddress_idx_email', now()),
    ('account', '0008_emailaddress_unique_primary_email_fixup', now()),
    ('account', '0009_emailaddress_unique_primary_email', now()),
    ('audit', '0001_initial', now()),
    ('audit', '0002_search_words_of_actions', now()),
    ('contenttypes', '0001_initial', now()),
    ('contenttypes', '0002_remove_content_type_name', now()),
    ('auth', '0001_initial', now()),
    ('auth', '0002_alter_permission_name_max_length', now()),
    ('auth', '0003_alter_user_email_max_length', now()),
    ('auth', '0004_alter_user_username_opts', now()),
    ('auth', '0005_alter_user_last_login_null', now()),
    ('auth', '0006_require_contenttypes_0002', now()),
    ('auth', '0007_alter_validators_add_error_messages', now()),
    ('auth', '0008_alter_user_username_max_length', now()),
    ('auth', '0009_alter_user_last_name_max_length', now()),
    ('auth', '0010_alter_group_name_max_length', now()),
    ('auth', '0011_update_proxy_permissions', now()),
    ('auth', '0012_alter_user_first_name_max_length', now()),
    ('ledger', '0001_initial', now()),
    ('ledger', '0002_posting', now()),
    ('ledger', '0003_open_accounts_in_order', now()),
    ('ledger', '0004_reversals_are_final', now()),
    ('ledger', '0005_post_in_fewer_steps', now()),
    ('ledger', '0006_accounts_by_owner', now()),
    ('ledger', '0007_balances_in_no_index', now()),
    ('ledger', '0008_one_index_each', now()),
    ('ledger', '0009_post_one_by_one', now()),
    ('ledger', '0010_kinds_of_money', now()),
    ('ledger', '0011_open_kinds_of_money', now()),
    ('ledger', '0012_check_kinds_of_money', now()),
    ('ledger', '0013_transfers_by_time', now()),
    ('books', '0001_closed_days', now()),
    ('books', '0002_reconciliations', now()),
    ('core', '0001_uuid_range', now()),
    ('core', '0002_initial', now()),
    ('core', '0003_dead_messages', now()),
    ('core', '0004_request_id_of_messages', now()),
    ('core', '0005_check_run', now()),
    ('core', '0006_second_factor_of_business', now()),
    ('core', '0007_wallets', now()),
    ('core', '0008_account_to_pay_to', now()),
    ('ledger', '0014_post_in_plain_steps', now()),
    ('ledger', '0015_no_index_of_beginnings', now()),
    ('ledger', '0016_refunds_that_come_back', now()),
    ('ledger', '0017_late_money_goes_back', now()),
    ('ledger', '0018_balances_change_in_fewer_steps', now()),
    ('ledger', '0019_check_owners_and_balances', now()),
    ('ledger', '0020_transfers_without_foreign_keys', now()),
    ('ledger', '0021_reversals_in_an_index_of_their_own', now()),
    ('ledger', '0022_no_index_of_what_reverses_nothing', now()),
    ('ledger', '0023_post_in_one_pass', now()),
    ('ledger', '0024_payouts_that_come_back', now()),
    ('ledger', '0025_transfers_bring_their_ids', now()),
    ('ledger', '0026_what_banks_take_back', now()),
    ('mfa', '0001_initial', now()),
    ('mfa', '0002_authenticator_timestamps', now()),
    ('mfa', '0003_authenticator_type_uniq', now()),
    ('notify', '0001_initial', now()),
    ('notify', '0002_retry_time', now()),
    ('notify', '0003_no_index_twice', now()),
    ('orders', '0001_initial', now()),
    ('orders', '0002_one_index_each', now()),
    ('orders', '0003_wallets', now()),
    ('orders', '0004_check_wallets', now()),
    ('orders', '0005_splits', now()),
    ('orders', '0006_what_goes_back', now()),
    ('orders', '0007_check_what_goes_back', now()),
    ('orders', '0008_sponsorships', now()),
    ('orders', '0009_check_sponsorships', now()),
    ('orders', '0010_lines_by_sponsorship', now()),
    ('orders', '0011_one_policy', now()),
    ('orders', '0012_check_one_policy', now()),
    ('orders', '0013_earned_by_several', now()),
    ('orders', '0014_lines_know_their_split_rule', now()),
    ('orders', '0015_rules_by_what_is_sold', now()),
    ('payments', '0001_initial', now()),
    ('payments', '0002_no_index_twice', now()),
    ('payments', '0003_payouts', now()),
    ('payments', '0004_refunds_of_the_sandbox', now()),
    ('payments', '0005_saved_methods', now()),
    ('payments', '0006_stripe_accounts', now()),
    ('payments', '0007_wallets', now()),
    ('payments', '0008_check_wallets', now()),
    ('payments', '0009_grants', now()),
    ('payments', '0010_asked_in_turn', now()),
    ('payments', '0011_marked_by_somebody_else', now()),
    ('payments', '0012_files_that_were_taken', now()),
    ('payments', '0013_check_files_that_were_taken', now()),
    ('payments', '0014_wallets_stay_here', now()),
    ('payments', '0015_notes_are_sealed', now()),
    ('payments', '0016_auto_top_ups', now()),
    ('payments', '0017_one_automatic_top_up', now()),
    ('payments', '0018_payouts_by_stripe', now()),
    ('payments', '0019_check_top_ups_and_methods', now()),
    ('payments', '0020_refunds', now()),
    ('payments', '0021_check_refunds', now()),
    ('payments', '0022_refunds_of_sponsors', now()),
    ('payments', '0023_check_refunds_of_sponsors', now()),
    ('payments', '0024_transfers_go_on', now()),
    ('payments', '0025_money_that_came_late', now()),
    ('payments', '0026_payments_that_banks_want_back', now()),
    ('payments', '0027_disputes', now()),
    ('payments', '0028_check_what_refunds_come_from', now()),
    ('usersessions', '0001_initial', now()),
    ('people', '0002_import_options', now()),
    ('people', '0003_invite_send_error', now()),
    ('people', '0004_visits_and_sealed_factors', now()),
    ('people', '0005_no_index_twice', now()),
    ('people', '0006_guests', now()),
    ('procrastinate', '0001_initial', now()),
    ('procrastinate', '0002_drop_started_at_column', now()),
    ('procrastinate', '0003_drop_started_at_column', now()),
    ('procrastinate', '0004_drop_procrastinate_version_table', now()),
    ('procrastinate', '0005_fix_procrastinate_fetch_job', now()),
    ('procrastinate', '0006_fix_trigger_status_events_insert', now()),
    ('procrastinate', '0007_add_queueing_lock_column', now()),
    ('procrastinate', '0008_close_fetch_job_race_condition', now()),
    ('procrastinate', '0009_add_defer_job_function', now()),
    ('procrastinate', '0010_add_procrastinate_periodic_defers', now()),
    ('procrastinate', '0011_add_foreign_key_index', now()),
    ('procrastinate', '0012_add_locks_to_periodic_defer', now()),
    ('procrastinate', '0013_fix_procrastinate_defer_periodic_job', now()),
    ('procrastinate', '0014_add_finish_job_and_retry_job_functions', now()),
    ('procrastinate', '0015_add_trigger_on_job_deletion', now()),
    ('procrastinate', '0016_delete_finished_jobs', now()),
    ('procrastinate', '0017_add_checks_to_finish_job', now()),
    ('procrastinate', '0018_add_checks_to_retry_job', now()),
    ('procrastinate', '0019_fix_finish_job_compat_issue', now()),
    ('procrastinate', '0020_add_index_on_procrastinate_jobs', now()),
    ('procrastinate', '0021_add_kwargs_to_defer_periodic_job', now()),
    ('procrastinate', '0022_null_locks_excluded', now()),
    ('procrastinate', '0023_remove_old_finish_job_function', now()),
    ('procrastinate', '0024_job_id_bigint', now()),
    ('procrastinate', '0025_add_models', now()),
    ('procrastinate', '0026_add_job_priority', now()),
    ('procrastinate', '0027_add_periodic_job_priority', now()),
    ('procrastinate', '0028_add_cancel_states', now()),
    ('procrastinate', '0029_add_additional_params_to_retry_job', now()),
    ('procrastinate', '0030_alter_procrastinateevent_options', now()),
    ('procrastinate', '0031_add_indexes_for_fetch_job', now()),
    ('procrastinate', '0032_pre_cancel_notification', now()),
    ('procrastinate', '0033_post_cancel_notification', now()),
    ('procrastinate', '0034_pre_add_heartbeat', now()),
    ('procrastinate', '0035_post_add_heartbeat', now()),
    ('procrastinate', '0036_add_worker_model', now()),
    ('procrastinate', '0037_pre_batch_defer_jobs', now()),
    ('procrastinate', '0038_post_batch_defer_jobs', now()),
    ('procrastinate', '0039_pre_priority_lock_fetch_job', now()),
    ('procrastinate', '0040_pre_retry_failed_job', now()),
    ('procrastinate', '0041_post_retry_failed_job', now()),
    ('schedule', '0001_initial', now()),
    ('schedule', '0002_session_version', now()),
    ('schedule', '0003_one_index_each', now()),
    ('schedule', '0004_bookings_that_were_moved', now()),
    ('schedule', '0005_services_and_availability', now()),
    ('schedule', '0006_sessions_of_services', now()),
    ('schedule', '0007_nobody_and_nothing_in_two_places', now()),
    ('schedule', '0008_weeks_at_a_glance', now()),
    ('schedule', '0009_places_missed', now()),
    ('schedule', '0010_attendance', now()),
    ('schedule', '0011_reviews_and_notes', now()),
    ('schedule', '0012_outside_calendars', now()),
    ('schedule', '0013_one_zone_on_a_day', now()),
    ('schedule', '0014_bookings_that_are_asked_for', now()),
    ('schedule', '0015_check_what_is_asked_for', now()),
    ('schedule', '0016_resources', now()),
    ('schedule', '0017_moved_bookings', now()),
    ('schedule', '0018_check_moved_bookings', now()),
    ('schedule', '0019_video_rooms', now()),
    ('schedule', '0020_calendars_read_by_a_clock', now()),
    ('schedule', '0021_intros', now()),
    ('reporting', '0001_company_coaching', now()),
    ('reporting', '0002_pay_per_minute', now()),
    ('reporting', '0003_peer_learning', now()),
    ('reporting', '0004_youth_sports', now()),
    ('reporting', '0005_auto_top_up_settings', now()),
    ('reporting', '0006_employer_sponsorships', now()),
    ('reporting', '0007_refunds', now()),
    ('reporting', '0008_places_and_hours', now()),
    ('reporting', '0009_google_calendars', now()),
    ('reporting', '0010_what_happens_in_sessions', now()),
    ('reporting', '0011_late_money_goes_back', now()),
    ('reporting', '0012_sessions_and_who_waits', now()),
    ('reporting', '0013_intro_sessions', now()),
    ('reporting', '0014_what_banks_keep', now()),
    ('schedule', '0022_embeds', now()),
    ('schedule', '0023_coaches_together', now()),
    ('schedule', '0024_times_that_come_back', now()),
    ('schedule', '0025_waiting_together', now()),
    ('schedule', '0026_reminders_of_intros_and_told_overlaps', now()),
    ('schedule', '0027_overlaps_told_by_session', now()),
    ('schedule', '0028_who_was_given_a_place_never_waited', now()),
    ('schedule', '0029_no_ending_that_nothing_has', now()),
    ('schedule', '0030_calendars_that_do_not_answer', now()),
    ('schedule', '0031_who_stands_in_for_whom', now()),
    ('schedule', '0032_places_by_whose_they_are', now()),
    ('schedule', '0033_who_made_what', now());
