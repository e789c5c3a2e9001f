--
-- Domains and their keys. The master key of the test server is a good one;
-- what happens with a bad one is in test/t.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DATABASE regress_keyring;
\c regress_keyring
SET client_min_messages = warning;
CREATE EXTENSION caredata;
SET search_path = public, caredata;

-- nothing to change yet
SELECT caredata.rotate_master_key();
-- before the first domain no key is there and none is asked for
SELECT kind, domain_id, usable FROM caredata.key_status();
SELECT count(*) FROM caredata.master_key_check;
SELECT caredata.pid(1, '1');

SELECT caredata.create_domain('first') AS first,
	   caredata.create_domain('second', 'regress_nobody') AS second;
SELECT caredata.create_domain('first');
SELECT caredata.create_domain(NULL);
SELECT kind, domain_id, name, generation, fingerprint ~ '^[0-9a-f]{16}$' AS fingerprint,
	   created_at IS NOT NULL AS created, usable, problem
FROM caredata.key_status();
-- every key is another one
SELECT count(DISTINCT wrapped_key) AS wrapped, count(DISTINCT fingerprint) AS fingerprints,
	   min(octet_length(wrapped_key)) AS bytes
FROM caredata.domain_key;
SELECT count(*) AS same_as_the_master FROM caredata.domain_key k, caredata.master_key_check m
WHERE k.fingerprint = m.fingerprint;
SELECT caredata.pid(1, '1') = caredata.pid(1, '1') AS same_release,
	   caredata.pid(1, '1') = caredata.pid(1, '2') AS other_release;

-- a domain rolled back is gone, with keys that were already open
BEGIN;
SELECT caredata.create_domain('third') AS third \gset
SELECT caredata.pid(1, :'third') IS NOT NULL AS usable;
ROLLBACK;
SELECT count(*) FROM caredata.domain WHERE name = 'third';
DO $$ BEGIN PERFORM caredata.pid(1, '5'); EXCEPTION WHEN undefined_object THEN RAISE WARNING 'refused: %', SQLERRM; END $$;

-- a wrapped key works in its own place only, and not after a change
BEGIN;
UPDATE caredata.domain_key a SET wrapped_key = b.wrapped_key, fingerprint = b.fingerprint
FROM caredata.domain_key b WHERE a.domain_id = 1 AND b.domain_id = 2;
SELECT caredata.pid(1, '1');
ROLLBACK;
BEGIN;
UPDATE caredata.domain_key SET generation = 2 WHERE domain_id = 1;
SELECT caredata.pid(1, '1');
ROLLBACK;
DO $$
DECLARE
	refused integer := 0;
BEGIN
	-- one bit in each byte; this process has the unaltered key open all the while
	FOR i IN 0 .. 72 LOOP
		BEGIN
			UPDATE caredata.domain_key SET wrapped_key =
				set_bit(wrapped_key, i * 8 + i % 8, 1 - get_bit(wrapped_key, i * 8 + i % 8))
			WHERE domain_id = 1;
			PERFORM caredata.pid(1, '1');
			RAISE EXCEPTION 'accepted';
		EXCEPTION
			WHEN data_corrupted THEN refused := refused + 1;
			WHEN raise_exception THEN RAISE WARNING 'byte %: altered key was accepted', i;
		END;
	END LOOP;
	RAISE WARNING '% of 73 altered keys refused', refused;
END $$;
-- nor with another fingerprint, in a process that opens it for the first time
\c
SET client_min_messages = warning;
SET search_path = public, caredata;
BEGIN;
UPDATE caredata.domain_key SET fingerprint = '\x0000000000000000' WHERE domain_id = 1;
SELECT usable, problem FROM caredata.key_status() WHERE domain_id = 1;
SELECT caredata.pid(1, '1');
ROLLBACK;
-- a key that is missing
BEGIN;
DELETE FROM caredata.domain_key WHERE domain_id = 2;
SELECT domain_id, generation, usable, problem FROM caredata.key_status() WHERE domain_id = 2;
SELECT caredata.pid(1, '2');
ROLLBACK;
-- the fingerprint of the master key: another one, none
BEGIN;
UPDATE caredata.master_key_check SET fingerprint = '\x0000000000000000';
SELECT caredata.create_domain('third');
ROLLBACK;
BEGIN;
UPDATE caredata.master_key_check SET fingerprint = '\x0000000000000000';
SELECT regexp_replace(problem, '[0-9a-f]{16}', 'FINGERPRINT', 'g') AS problem, usable
FROM caredata.key_status() WHERE kind = 'master';
ROLLBACK;
BEGIN;
DELETE FROM caredata.master_key_check;
SELECT caredata.create_domain('third');
ROLLBACK;
\c
SET client_min_messages = warning;
BEGIN;
DELETE FROM caredata.master_key_check;
SELECT caredata.pid(1, '1');
ROLLBACK;
SELECT caredata.pid(1, '1') IS NOT NULL AS usable_again;

-- rows that a dump carries, and no other
SELECT c.oid::regclass AS carried
FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig)
WHERE extname = 'caredata' AND relname ~ '^(domain|master_key|key_)'
ORDER BY relname COLLATE "C";

-- a setting that an ordinary user neither sees nor sets
SHOW caredata.master_key_file \g /dev/null
ALTER SYSTEM SET caredata.master_key_file = 'relative/path';
ALTER SYSTEM SET caredata.master_key_file_next = 'relative/path';
ALTER SYSTEM SET caredata.master_key_command = 'relative/path';
ALTER SYSTEM SET caredata.master_key_command = '["relative"]';
ALTER SYSTEM SET caredata.master_key_command = '["/bin/cat" "x"]';
ALTER SYSTEM SET caredata.master_key_command = '["/bin/cat';
ALTER SYSTEM SET caredata.master_key_command = '[]';
ALTER SYSTEM SET caredata.master_key_command = '["/bin/cat"] x';
SET caredata.master_key_command = '["/bin/cat"]';
SELECT caredata.rotate_master_key();
SELECT source, loaded_at <= now() AS loaded FROM caredata.master_key_in_use();
CREATE ROLE regress_keyring_user;
SET ROLE regress_keyring_user;
\set VERBOSITY sqlstate
SHOW caredata.master_key_file;
SELECT current_setting('caredata.master_key_file');
\set VERBOSITY terse
SELECT count(*) FROM pg_settings WHERE name = 'caredata.master_key_file';
SET caredata.master_key_file = '/tmp/other';
ALTER ROLE regress_keyring_user SET caredata.master_key_file = '/tmp/other';
-- and functions and tables that are not for everybody
SELECT caredata.create_domain('mine');
SELECT caredata.new_domain_key(1, 1);
SELECT caredata.master_key_fingerprint();
SELECT caredata.check_domain_key(1, 1);
SELECT * FROM caredata.key_status();
SELECT * FROM caredata.key_history();
SELECT caredata.rotate_domain_key(1);
SELECT caredata.close_domain_generation(1, 1);
SELECT caredata.lock_domain(1);
SELECT caredata.lock_keyring();
SELECT caredata.rotate_master_key();
SELECT caredata.next_master_key_fingerprint();
SELECT * FROM caredata.master_key_in_use();
SELECT caredata.rewrap_domain_key(1, 1, '', '');
SELECT caredata.request_key_destruction(1, 'mine');
SELECT caredata.withdraw_key_destruction(1);
SELECT caredata.destroy_domain_key(1, 'first');
SELECT * FROM caredata.key_destruction;
\set VERBOSITY sqlstate
SHOW caredata.master_key_file_next;
SHOW caredata.master_key_command;
\set VERBOSITY terse
SET caredata.master_key_file_next = '/tmp/other';
SELECT * FROM caredata.key_event;
SELECT * FROM caredata.domain;
SELECT * FROM caredata.domain_key;
SELECT * FROM caredata.master_key_check;
SELECT * FROM caredata.domain_domain_id_seq;
RESET ROLE;

\c postgres
SET client_min_messages = warning;
DROP DATABASE regress_keyring;
DROP ROLE regress_keyring_user;
