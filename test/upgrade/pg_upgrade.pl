# A care database through pg_upgrade, by copying and by linking: keys in
# several generations and states, releases open, suspended and over, objections,
# an authority and requests, quotas. Afterwards every reader sees what they saw,
# under the same pseudonyms, and everything goes on. Called by test/upgrade/run,
# which says in CAREDATA_OLD_INSTALL where the older server is.

use strict;
use warnings;

use File::Copy ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $install = $ENV{CAREDATA_OLD_INSTALL};
plan skip_all => 'test/upgrade/run calls this' unless defined $install;

my $keys = PostgreSQL::Test::Utils::tempdir();
foreach my $name ('first', 'second')
{
	open(my $fh, '>', "$keys/$name") or die;
	print $fh join '', map { sprintf '%02x', int(rand(256)) } 1 .. 32;
	close $fh;
	chmod 0600, "$keys/$name";
}
my $settings = "shared_preload_libraries = 'caredata'\ncaredata.master_key_file = '$keys/second'\n";

my $old = PostgreSQL::Test::Cluster->new('old', install_path => $install);
$old->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);
$old->append_conf('postgresql.conf', $settings);
$old->append_conf('postgresql.conf', "caredata.master_key_file = '$keys/first'\ncaredata.master_key_file_next = '$keys/second'\n");
$old->start;

sub as
{
	my ($node, $user, $sql) = @_;
	my ($status, $out, $err) = $node->psql('region', $sql, extra_params => [ '-U', $user ]);
	# line and connection differ
	return $status == 0 ? $out : $err =~ s/^psql:<stdin>:\d+: //mgr;
}

my $superuser = $old->safe_psql('postgres', 'SELECT current_user');
$old->safe_psql('postgres', q(
	CREATE DATABASE region;
	CREATE ROLE guardian LOGIN; CREATE ROLE author LOGIN; CREATE ROLE linker LOGIN;
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN;));
$old->safe_psql('region', q(
	CREATE EXTENSION caredata;
	SELECT caredata.create_care_database();
	GRANT caredata_guardian TO guardian; GRANT caredata_admin TO author; GRANT caredata_linker TO linker;
	INSERT INTO care_identity.person SELECT i FROM generate_series(1, 1000) i;
	INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
	SELECT i, CASE WHEN i <> 3 THEN n END, 1
	FROM (SELECT row_number() OVER (ORDER BY n) AS i, n
		  FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 12000) g) v
		  WHERE n IS NOT NULL) numbered
	WHERE i <= 1000;
	INSERT INTO care.person (person_id, birth_year, sex) SELECT i, 1900 + i % 100, 1 + i % 2 FROM generate_series(1, 1000) i;
	SELECT caredata.ensure_partitions('apc_episode', '2024-04-01', '2026-03-31');
	INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
	SELECT 1 + i % 1000, '2425', i, 'RZZ', DATE '2024-04-01' + i % 700, DATE '2024-04-01' + i % 700, 'X99' || i % 10
	FROM generate_series(1, 5000) i;
	INSERT INTO care_landing.national_list
	SELECT nhs_number::text FROM care_identity.identity WHERE person_id % 20 <> 2 AND nhs_number IS NOT NULL;
	SELECT caredata.import_national_list(caredata.request_national_list());));
$old->safe_psql('region', q(
	SET SESSION AUTHORIZATION author;
	SELECT caredata.create_agreement('A-1', 'Commissioning', 'QZZ', 'Made-up ICB', '2024-04-01', '2099-03-31');
	SELECT caredata.create_release(1, name::name, 'Planning', 'public_task') FROM unnest('{open,other,over,stopped,shredded}'::text[]) name;
	SELECT caredata.permit_dataset(r, 'person', '{birth_year,sex}'), caredata.permit_dataset(r, 'apc_episode', '{epikey,epistart,diag_01}')
	FROM generate_series(1, 5) r;
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(r) FROM generate_series(1, 5) r;
	SET SESSION AUTHORIZATION author;
	SELECT caredata.activate_release(r) FROM generate_series(1, 5) r;));
$old->safe_psql('region', q(
	SET search_path = public, caredata;
	SELECT suspend_release(4, 'for the test');
	UPDATE release SET ends_on = '2024-04-02' WHERE name = 'over';
	SELECT record_objection((SELECT nhs_number::text FROM care_identity.identity WHERE person_id = 4), 'local');
	GRANT open_reader, other_reader, over_reader, stopped_reader, shredded_reader TO alice;
	-- what people keep, and what was made by name
	SELECT create_domain('audit');
	CREATE TABLE public.kept AS SELECT n, pid(n, '1') AS p FROM generate_series(1, 1000) n;
	CREATE TABLE public.audit AS SELECT person_id, nhs_number, pid_of(nhs_number, 'audit') AS p, nhs_like(nhs_number, 'audit') AS l,
		pseudonym_of('audit', 'nhs_number', nhs_number) AS o FROM care_identity.identity WHERE nhs_number IS NOT NULL;
	CREATE INDEX ON public.kept (p); CREATE INDEX ON public.audit USING hash (p); CREATE INDEX ON public.audit (nhs_number);
	GRANT SELECT ON public.kept, public.audit TO PUBLIC;
	SELECT register_pseudonym_column('public.kept', 'p', 1);
	SELECT rotate_domain_key(1, 'yearly'), rotate_domain_key(1, 'again'), rotate_domain_key(2), rotate_domain_key(6);
	SELECT close_domain_generation(2, 1);
	SET SESSION AUTHORIZATION author;
	SELECT request_key_destruction(5, 'over'), request_link_authority(1, 2, 'alice', 'To follow', '2026-01-01', '2099-01-01');
	SET SESSION AUTHORIZATION guardian;
	SELECT destroy_domain_key(5, 'shredded'), approve_link_authority(1), set_quota('alice', 'translate', 5000), set_quota('linker', 'pseudonymise', 3000);
	SET SESSION AUTHORIZATION alice;
	SELECT request_reidentification(1, 'an implant was recalled', ARRAY(SELECT pid FROM open.person ORDER BY pid LIMIT 3));
	SELECT count(*) FROM translate_all(ARRAY(SELECT pid FROM open.person), 1, 2);
	SET SESSION AUTHORIZATION guardian;
	SELECT approve_reidentification(1, 168);));
# a new master key, so that nothing is as it was first
$old->safe_psql('region', q(SELECT caredata.rotate_master_key('before the upgrade')));
$old->append_conf('postgresql.conf', $settings . "caredata.master_key_file_next = ''\n");
$old->restart;

# What everybody sees, each a statement and its answer or its error.
my @questions = (
	[ 'alice', 'SELECT md5(string_agg(p::text || e::text, \',\' ORDER BY p.pid, e.epikey)) FROM open.person p JOIN open.apc_episode e USING (pid)' ],
	[ 'alice', 'SELECT count(*), count(DISTINCT pid) FROM other.apc_episode' ],
	[ 'alice', 'SELECT * FROM over.person' ], [ 'alice', 'SELECT * FROM stopped.person' ], [ 'alice', 'SELECT * FROM shredded.person' ],
	[ 'bob', 'SELECT * FROM open.person' ], [ 'alice', 'SELECT * FROM care.person' ], [ 'alice', q{SELECT '1'::caredata.release_ref} ],
	[ 'alice', 'SELECT count(*), md5(string_agg(open.current_pid(p)::text, \',\' ORDER BY n)) FROM public.kept WHERE open.current_pid(p) IS NOT NULL' ],
	[ 'alice', 'SELECT count(*) FROM public.kept k JOIN open.person p ON p.pid = open.current_pid(k.p)' ],
	[ 'alice', 'SELECT count(*), md5(string_agg(t::text, \',\' ORDER BY t)) FROM caredata.translate_all(ARRAY(SELECT pid FROM open.person), 1, 2) t' ],
	[ 'linker', q{SELECT count(*) FROM public.audit WHERE caredata.pseudonym_of('audit', 'nhs_number', nhs_number) <> o} ],
	[ $superuser, q{SELECT count(*) FROM public.audit WHERE caredata.nhs_number_of(p, 'audit') = nhs_number AND caredata.nhs_number_of_like(l, 'audit', 1) = nhs_number} ],
	[ $superuser, q{SELECT count(*) FROM public.audit WHERE p = (SELECT p FROM public.audit WHERE person_id = 77)} ],
	[ $superuser, q{SELECT kind, domain_id, name, generation, state, fingerprint, usable, problem FROM caredata.key_status() ORDER BY 1, 2 NULLS FIRST, 4} ],
	[ $superuser, q{SELECT * FROM caredata.key_history()} ], [ $superuser, q{SELECT * FROM caredata.quotas()} ],
	[ $superuser, q{SELECT request_id, state, reason, requested_by, approved_by, pseudonyms, revealed FROM caredata.reidentification_requests()} ],
	[ $superuser, q{SELECT role_name, state, requested_by, approved_by FROM caredata.link_authorities()} ],
	[ $superuser, q{SELECT * FROM caredata.check_visible_sets()} ],
	[ $superuser, q{SELECT r.name, r.state FROM caredata.release_register() r ORDER BY 1} ]);

sub answers
{
	my ($node) = @_;
	return map { as($node, @$_) } @questions;
}
my @before = answers($old);
like($before[0], qr/^[0-9a-f]{32}$/, 'alice reads her release');
like($before[8], qr/^1000\|/, 'a thousand old pseudonyms lead to current ones');
$old->stop;

sub upgraded
{
	my ($mode) = @_;
	my $from = $old;
	my $new = PostgreSQL::Test::Cluster->new("new_$mode");
	$new->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8', '--no-data-checksums' ]) if $new->pg_version >= 18;
	$new->init(extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]) if $new->pg_version < 18;
	$new->append_conf('postgresql.conf', $settings);
	# links would join it with the one that is needed for the next round
	my $data = $old->data_dir;
	if ($mode eq 'link')
	{
		system_or_bail('cp', '-a', $data, "$data.linked");
		$data .= '.linked';
	}
	my @command = ('pg_upgrade', '--no-sync', '-d', $data, '-D', $new->data_dir, '-b', "$install/bin", '-B', $new->config_data('--bindir'),
		'-s', $new->host, '-p', $old->port, '-P', $new->port, '-U', $superuser, "--$mode");
	chdir PostgreSQL::Test::Utils::tempdir();
	# the older server looks for its libraries there
	local $ENV{LD_LIBRARY_PATH} = "$install/lib";
	command_ok([ @command, '--check' ], "pg_upgrade --$mode --check");
	unless (ok(run_log(\@command), "pg_upgrade --$mode"))
	{
		foreach my $log (glob($new->data_dir . '/pg_upgrade_output.d/*/log/*.log'))
		{
			diag $_ foreach grep { /error|fatal/i } split /\n/, slurp_file($log);
		}
		die "pg_upgrade --$mode failed\n";
	}
	return $new;
}

foreach my $mode ('copy', 'link')
{
	my $new = upgraded($mode);
	$new->start;
	my @after = answers($new);
	foreach my $i (0 .. $#questions)
	{
		is($after[$i], $before[$i], "$mode: $questions[$i][0]: " . substr($questions[$i][1], 0, 70));
	}
	# statistics are not carried, or not all: nothing rests on them
	$new->command_ok([ 'vacuumdb', '--all', '--analyze-only', '--maintenance-db', $new->connstr('postgres') ], "$mode: vacuumdb");
	is(as($new, @{ $questions[0] }), $before[0], "$mode: the same with statistics");
	like(as($new, 'alice', q{EXPLAIN (COSTS OFF) SELECT * FROM open.apc_episode WHERE pid = '3d01e8e0adbea0382518abcab71853ba'}),
		qr/Index Cond: \(person_id = (?:caredata\.)?person_of/, "$mode: a look-up goes by the index");

	# and everything goes on
	is(as($new, 'alice', 'SELECT count(nhs_number) FROM caredata.reidentify(1)'), 3, "$mode: the request is answered");
	like(as($new, 'alice', 'SELECT * FROM caredata.reidentify(1)'), qr/has been answered/, "$mode: once");
	like(as($new, 'linker', q{SELECT count(caredata.pid_of(n::bigint, 'audit')) FROM generate_series(1, 4000) n}), qr/quota "pseudonymise" of role "linker" is used up/, "$mode: quotas hold");
	is(as($new, $superuser, q{SELECT caredata.rotate_domain_key(1, 'after the upgrade')}), 4, "$mode: another generation");
	$new->safe_psql('region', q{CALL caredata.repseudonymise('public.kept', 'p')});
	is(as($new, $superuser, q{SELECT count(*) FROM public.kept WHERE p = caredata.pid(n, '1')}), 1000, "$mode: stored pseudonyms are renewed");
	as($new, $superuser, q{SELECT caredata.record_objection((SELECT nhs_number::text FROM care_identity.identity WHERE person_id = 5), 'local')});
	is(as($new, 'alice', q{SELECT count(*) FROM open.person}), (split /\|/, as($new, $superuser, 'SELECT visible_persons FROM caredata.visible_set WHERE release_id = 1 LIMIT 1'))[0],
		"$mode: an objection is in force");
	like(as($new, 'author', q{SELECT caredata.create_release(1, 'afterwards', 'Planning', 'public_task')}), qr/^\d+$/, "$mode: a release can be made");
	$new->stop;
	# a server without the key says so, as ever
	$new->append_conf('postgresql.conf', "caredata.master_key_file = '$keys/first'\n");
	$new->start;
	like(as($new, @{ $questions[0] }), qr/the master key is not the one/, "$mode: under another master key");
	$new->stop;
}

done_testing();
