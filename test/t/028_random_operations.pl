# A property: whatever happens in whatever order, the visible sets that changed
# step by step are the sets that would be built anew, and both show whom a plain
# query over the registry says they should. Random objections, withdrawals,
# loads that bring people and move them between practices, GP records that
# object, national lists, releases made, suspended, resumed and ended, rules set
# and removed, practices paused, persons merged and parted, NHS numbers
# superseded, transactions rolled back.
#
# 300 operations; CAREDATA_OPERATIONS asks for more (make long-test: 10,000).
# CAREDATA_SEED repeats a run.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{CAREDATA_OPERATIONS} || 300;
my $seed = $ENV{CAREDATA_SEED} || 20140218;
my $between = 100;
my $most = 400;    # people, in and out of the database
srand($seed);
note("seed $seed, $operations operations");

my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/master.key';
open(my $fh, '>', $key_file) or die "$key_file: $!";
print $fh join('', map { sprintf '%02x', ($_ * 37 + 11) % 256 } 0 .. 31);
close($fh) or die "$key_file: $!";
chmod(0600, $key_file) or die "$key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('random');
$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$key_file'
jit = off
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE care');
$node->safe_psql('care', 'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
$node->safe_psql(
	'care', qq{
	CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
	CREATE TABLE public.number AS
	SELECT row_number() OVER (ORDER BY n)::integer AS i, n
	FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 12 * $most) g) v
	WHERE n IS NOT NULL LIMIT $most;
	INSERT INTO care.commissioner (commissioner_code, name, kind) VALUES ('QZ1', 'One', 'icb'), ('QZ2', 'Two', 'icb');
	INSERT INTO care.practice (practice_code, name, commissioner_code)
	SELECT 'Y9000' || g, 'Practice ' || g, 'QZ' || 1 + g % 2 FROM generate_series(1, 6) g;

	-- What an operation may meet and be refused for; anything else fails the test.
	CREATE FUNCTION public.object(i integer, kind text, days integer) RETURNS void LANGUAGE sql AS
		\$\$ SELECT caredata.record_objection(n::text, kind, caredata.today() + days) FROM public.number r WHERE r.i = object.i \$\$;
	CREATE FUNCTION public.merge(a integer, b integer) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM caredata.merge_persons(p[1 + a % cardinality(p)], p[1 + b % cardinality(p)], 'a random merge', b % 2 = 0)
		FROM (SELECT array_agg(person_id ORDER BY person_id) AS p FROM care_identity.person) x;
	EXCEPTION WHEN object_not_in_prerequisite_state OR invalid_parameter_value THEN NULL;
	END \$\$;
	CREATE FUNCTION public.part(a integer, b integer) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM caredata.unlink_identities(ARRAY(SELECT i.identity_id FROM care_identity.identity i
			WHERE i.person_id = (p[1 + a % cardinality(p)]) AND (hashint4(i.identity_id) + b) % 2 = 0), 'a random parting')
		FROM (SELECT array_agg(person_id ORDER BY person_id) AS p
			  FROM (SELECT person_id FROM care_identity.identity GROUP BY 1 HAVING count(*) > 1) d) x
		WHERE p IS NOT NULL;
	EXCEPTION WHEN no_data_found OR invalid_parameter_value THEN NULL;
	END \$\$;
	CREATE FUNCTION public.supersede(a integer, b integer) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM caredata.record_superseded_nhs_number(x.n::text, y.n::text, 'a random letter')
		FROM public.number x, public.number y WHERE x.i = a AND y.i = b;
	EXCEPTION WHEN object_not_in_prerequisite_state OR duplicate_object OR invalid_parameter_value THEN NULL;
	END \$\$;
	CREATE FUNCTION public.withdraw(i integer, kind text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM caredata.withdraw_objection(n::text, kind) FROM public.number r WHERE r.i = withdraw.i;
	EXCEPTION WHEN no_data_found OR object_not_in_prerequisite_state THEN NULL;
	END \$\$;
	CREATE FUNCTION public.remove_rule(kind text, setting text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM caredata.remove_objection_rule(kind, setting, NULL, NULL, NULL);
	EXCEPTION WHEN no_data_found THEN NULL;
	END \$\$;
	-- the returned list: everybody known but a few
	CREATE FUNCTION public.import_list(salt integer) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		INSERT INTO care_landing.national_list
		SELECT DISTINCT nhs_number::text FROM care_identity.identity
		WHERE nhs_number IS NOT NULL AND (hashtext(nhs_number::text || salt) & 15) > 0;
		PERFORM caredata.import_national_list(caredata.request_national_list());
	EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;
	END \$\$;
	CREATE FUNCTION public.make_release(name text, kind text, codes text[], level text, no_number text) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE
		me text := session_user;
		id integer := caredata.create_release(
			-- each of an organisation of its own, or they would be refused beside each other
			caredata.create_agreement(name, name, upper(name), name, '2014-01-01', '2099-12-31'), name, name, 'public_task', level, kind, codes, no_number);
	BEGIN
		PERFORM caredata.permit_dataset(id, 'person');
		PERFORM set_config('session_authorization', 'guardian', true);
		PERFORM caredata.approve_release(id);
		PERFORM set_config('session_authorization', me, true);
		PERFORM caredata.activate_release(id);
	END \$\$;
	CREATE FUNCTION public.change_release(which integer, what text) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE
		id integer := (SELECT r.release_id FROM caredata.release r
					   WHERE r.state = CASE what WHEN 'resume' THEN 'suspended' ELSE 'active' END
					   ORDER BY r.release_id OFFSET which LIMIT 1);
	BEGIN
		IF id IS NOT NULL THEN
			EXECUTE format('SELECT caredata.%I(%s)', what || '_release', id);
		END IF;
	END \$\$;

	-- Whom each release should show in a registry, by a plain query.
	CREATE VIEW public.should_show AS
	SELECT r.release_id, p.person_id
	FROM caredata.release r CROSS JOIN care_identity.person p
	LEFT JOIN LATERAL (SELECT n.practice FROM care.gp_registration n
					   WHERE n.person_id = p.person_id AND n.registration_start <= caredata.today()
						 AND coalesce(n.registration_end, 'infinity') >= caredata.today()
					   ORDER BY n.registration_start DESC, n.registration_id COLLATE "C" LIMIT 1) n ON true
	LEFT JOIN care.practice g ON g.practice_code = n.practice
	WHERE r.state IN ('active', 'suspended')
	  AND CASE r.population_kind WHEN 'everyone' THEN true
								 WHEN 'practice' THEN coalesce(n.practice = ANY (r.population_codes), false)
								 ELSE coalesce(g.commissioner_code = ANY (r.population_codes), false) END
	  AND NOT EXISTS (SELECT FROM care_identity.identity i JOIN care_identity.objection o ON o.nhs_number = i.nhs_number
					  WHERE i.person_id = p.person_id
						AND o.effective_from <= caredata.today() AND coalesce(o.withdrawn_from, 'infinity') > caredata.today()
						AND CASE o.kind WHEN 'local' THEN true WHEN 'national' THEN r.identifiability <> 'anonymised'
							WHEN 'type2' THEN coalesce((SELECT u.applies FROM caredata.objection_rule u
								WHERE u.kind = 'type2' AND u.setting = 'registry' AND u.identifiability IS NULL AND u.origin = 'local'
								  AND r.identifiability <> 'anonymised'), r.identifiability <> 'anonymised')
							ELSE false END)
	  AND NOT EXISTS (SELECT FROM (SELECT DISTINCT ON (kind) kind, meaning FROM care_identity.coded_objection c
								   WHERE c.person_id = p.person_id
								   ORDER BY kind, event_date DESC, meaning) last
					  WHERE last.kind = 'type2' AND last.meaning = 'dissent' AND r.identifiability <> 'anonymised'
						AND coalesce((SELECT u.applies FROM caredata.objection_rule u
							WHERE u.kind = 'type2' AND u.setting = 'registry' AND u.origin = 'local'), true))
	  AND (r.identifiability = 'anonymised'
		   OR NOT EXISTS (SELECT FROM care_identity.identity i LEFT JOIN care_identity.national_check n ON n.nhs_number = i.nhs_number
						  WHERE i.person_id = p.person_id AND i.nhs_number IS NOT NULL AND n.allowed IS NOT TRUE))
	  AND (r.no_nhs_number = 'allow' OR EXISTS (SELECT FROM care_identity.identity i WHERE i.person_id = p.person_id AND i.nhs_number IS NOT NULL));
	CREATE VIEW public.do_show AS
	SELECT v.release_id, p.person_id
	FROM caredata.visible_setting v JOIN caredata.release r USING (release_id) JOIN care.person p ON true
	JOIN caredata.visible_chunk c ON c.set_id = v.set_id AND c.chunk = p.person_id >> 14
	WHERE v.setting = 'registry' AND r.state IN ('active', 'suspended')
	  AND get_bit(c.bits, p.person_id & 16383) = 1;
});

sub pick { return $_[ int(rand(@_)) ]; }

my $releases = 0;
my $record = 0;

# A month of registrations: some people new, some with another practice, a few
# without a number, some that end today; and now and then an event that objects
# or withdraws.
sub load_operation
{
	my @sql;
	for (1 .. 1 + int(rand(12)))
	{
		$record++;
		my $i = 1 + int(rand($most));
		my $number = rand() < 0.05 ? 'NULL' : "(SELECT n::text FROM public.number WHERE i = $i)";
		my $start = sprintf('20%02d-%02d-%02d', 10 + int(rand(15)), 1 + int(rand(12)), 1 + int(rand(28)));
		my $end = rand() < 0.6 ? 'NULL' : pick('caredata.today()::text', "'2025-06-30'");
		push @sql, "INSERT INTO care_landing.gp_registration (registration_id, practice, nhs_number, date_of_birth, sex, local_patient_id, registration_start, registration_end)"
		  . " VALUES ('r$record', 'Y9000@{[ 1 + int(rand(6)) ]}', $number, '19@{[ 10 + $i % 90 ]}-03-04', '@{[ 1 + $i % 2 ]}', 'p$i', '$start', $end);";
	}
	push @sql, "CALL caredata.load('gp_registration');";
	if (rand() < 0.4)
	{
		for (1 .. 1 + int(rand(4)))
		{
			$record++;
			my $i = 1 + int(rand($most));
			my $date = sprintf('2024-%02d-%02d', 1 + int(rand(12)), 1 + int(rand(28)));
			my $code = pick('9Nu0.', '9Nu1.', '9Nu4.', '9Nu5.', 'C10..');
			push @sql, "INSERT INTO care_landing.gp_event (practice, event_id, nhs_number, date_of_birth, sex, local_patient_id, date, record_date, code, scheme)"
			  . " VALUES ('Y90001', 'e$record', (SELECT n::text FROM public.number WHERE i = $i), '19@{[ 10 + $i % 90 ]}-03-04', '@{[ 1 + $i % 2 ]}', 'p$i', '$date', '$date', '$code', 'readv2');";
		}
		push @sql, "CALL caredata.load('gp_event');";
	}
	return join("\n", @sql);
}

my @kinds = qw(local local type2 national type1);
my %operation = (
	object => [ 30, sub { sprintf("SELECT public.object(%d, '%s', %d);", 1 + int(rand($most)), pick(@kinds), pick(0, 0, -1, -400, 2, 30)) } ],
	withdraw => [ 22, sub { sprintf("SELECT public.withdraw(%d, '%s');", 1 + int(rand($most)), pick(@kinds)) } ],
	several => [ 6, sub { join("\n", 'BEGIN;', (map { sprintf("SELECT public.object(%d, '%s', 0);", 1 + int(rand($most)), pick(@kinds)) } 1 .. 4), 'COMMIT;') } ],
	undone => [ 6, sub { join("\n", 'BEGIN;', sprintf("SELECT public.object(%d, 'local', 0);", 1 + int(rand($most))),
			sprintf("SELECT public.withdraw(%d, 'local');", 1 + int(rand($most))), 'ROLLBACK;') } ],
	partly => [ 4, sub { join("\n", 'BEGIN;', sprintf("SELECT public.object(%d, 'local', 0);", 1 + int(rand($most))), 'SAVEPOINT s;',
			sprintf("SELECT public.object(%d, 'local', 0);", 1 + int(rand($most))), 'ROLLBACK TO s;', 'COMMIT;') } ],
	load => [ 12, \&load_operation ],
	merge => [ 4, sub { sprintf("SELECT public.merge(%d, %d);", int(rand(1e6)), int(rand(1e6))) } ],
	part => [ 3, sub { sprintf("SELECT public.part(%d, %d);", int(rand(1e6)), int(rand(1e6))) } ],
	supersede => [ 1, sub { sprintf("SELECT public.supersede(%d, %d);", 1 + int(rand($most)), 1 + int(rand($most))) } ],
	list => [ 3, sub { sprintf("SELECT public.import_list(%d);", int(rand(1e6))) } ],
	release => [ 4, sub {
			return 'SELECT 1;' if $releases >= 40;
			$releases++;
			my $kind = pick('everyone', 'practice', 'commissioner');
			my $codes = $kind eq 'everyone' ? '{}' : $kind eq 'practice' ? '{' . join(',', map { "Y9000$_" } grep { rand() < 0.5 } 1 .. 5) . ($releases % 2 ? ',Y90006' : '') . '}' : pick('{QZ1}', '{QZ2}', '{QZ1,QZ2}');
			$codes =~ s/^\{,/{/;
			$codes = '{Y90001}' if $kind eq 'practice' && $codes eq '{}';
			sprintf("SELECT public.make_release('r%d', '%s', '%s', '%s', '%s');", $releases, $kind, $codes,
				pick('pseudonymised', 'anonymised'), pick('withhold', 'allow')) } ],
	suspend => [ 2, sub { sprintf("SELECT public.change_release(%d, 'suspend');", int(rand(6))) } ],
	resume => [ 2, sub { sprintf("SELECT public.change_release(%d, 'resume');", int(rand(3))) } ],
	end => [ 0.5, sub { sprintf("SELECT public.change_release(%d, 'end');", int(rand(8))) } ],
	rule => [ 1, sub { sprintf("SELECT caredata.set_objection_rule('type2', 'registry', NULL, NULL, NULL, %s, 'test');", pick('true', 'false')) } ],
	no_rule => [ 1, sub { "SELECT public.remove_rule('type2', 'registry');" } ],
	pause => [ 2, sub { sprintf("SELECT caredata.set_rollout('{Y9000%d}', '%s', 'test');", 1 + int(rand(6)), pick('paused', 'live')) } ],
	# registrations that ended today have ended; nothing else in here is near enough
	day => [ 2, sub { q{
			UPDATE care.gp_registration SET registration_start = registration_start - 1, registration_end = registration_end - 1;
			UPDATE care_identity.registration_change SET changes_on = changes_on - 1;
			SELECT caredata.refresh_visible_sets();} } ],
	refresh => [ 2, sub { 'SELECT caredata.refresh_visible_sets();' } ]);
my $weight = 0;
$weight += $_->[0] for values %operation;

sub random_operation
{
	my $at = rand($weight);
	for my $name (sort keys %operation)
	{
		$at -= $operation{$name}[0];
		return "-- $name\n" . $operation{$name}[1]->() if $at < 0;
	}
	return 'SELECT 1;';
}

# something to begin with
my $first = join("\n", load_operation(), load_operation(), "SELECT public.import_list(0);",
	map { $operation{release}[1]->() } 1 .. 4);
$node->safe_psql('care', $first);

my $done = 0;
while ($done < $operations)
{
	my $count = $operations - $done < $between ? $operations - $done : $between;
	my $script = join("\n", map { random_operation() } 1 .. $count);
	my ($status, undef, $stderr) = $node->psql('care', $script, on_error_stop => 1);
	$done += $count;
	unless (is($status, 0, "operations until $done"))
	{
		diag(substr($stderr, 0, 2000));
		last;
	}
	is($node->safe_psql('care', 'SELECT * FROM caredata.check_visible_sets()'), '', "incremental is rebuilt, after $done");
	is( $node->safe_psql('care', q{
			SELECT count(*) FROM (
				SELECT e.person_id, e.identity_id FROM care.gp_registration e
				UNION ALL SELECT e.person_id, e.identity_id FROM care.gp_event e
				UNION ALL SELECT o.person_id, o.identity_id FROM care_identity.coded_objection o
				UNION ALL SELECT coalesce(p.person_id, q.person_id), NULL FROM care.person p FULL JOIN care_identity.person q USING (person_id)
				WHERE p.person_id IS NULL OR q.person_id IS NULL) r
			LEFT JOIN care_identity.identity i USING (identity_id)
			WHERE i.person_id IS DISTINCT FROM r.person_id}),
		'0', "records are with the person of their identity, after $done");
	is( $node->safe_psql('care', q{
			SELECT count(*), min(release_id), min(person_id) FROM (
				(TABLE public.should_show EXCEPT TABLE public.do_show)
				UNION ALL (TABLE public.do_show EXCEPT TABLE public.should_show)) d}),
		'0||', "and is whom a plain query shows, after $done")
	  or diag($node->safe_psql('care', q{
			SELECT 'hidden', * FROM (TABLE public.should_show EXCEPT TABLE public.do_show) d
			UNION ALL SELECT 'shown', * FROM (TABLE public.do_show EXCEPT TABLE public.should_show) e LIMIT 10}));
}
my $summary = $node->safe_psql('care', q{
	SELECT (SELECT count(*) FROM care_identity.person) || ' persons, '
		|| (SELECT count(*) FROM care_identity.objection) || ' objections, '
		|| (SELECT count(*) FILTER (WHERE state IN ('active', 'suspended')) || ' of ' || count(*) FROM caredata.release) || ' releases in force, '
		|| (SELECT count(*) FILTER (WHERE change = 'merged') || ' merges, ' || count(*) FILTER (WHERE change = 'parted') || ' partings, '
			FROM caredata.person_change)
		|| (SELECT count(*) FROM public.do_show) || ' persons shown'});
note($summary);
like($summary, qr/^\d{2,} persons, \d{2,} objections, [1-9]\d* of .*, [1-9]\d* merges, [1-9]\d* partings, [1-9]\d+ persons shown/, 'there was something to get wrong');
$node->stop;

done_testing();
