# Killed at random points, with objections, withdrawals, loads and refreshes
# under way: after recovery every objection that was acknowledged is there, the
# sets equal a full rebuild, and nobody who objected is shown. Server processes
# and the postmaster are killed with SIGKILL in turns.
#
# 4 times; CAREDATA_KILLS asks for more (make long-test: 50).

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $kills = $ENV{CAREDATA_KILLS} || 4;
my $seed = $ENV{CAREDATA_SEED} || time;
srand($seed);
note("seed $seed, $kills kills");

my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/master.key';
open(my $fh, '>', $key_file) or die "$key_file: $!";
print $fh join('', map { sprintf '%02x', ($_ * 59 + 3) % 256 } 0 .. 31);
close($fh) or die "$key_file: $!";
chmod(0600, $key_file) or die "$key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('killed');
$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$key_file'
restart_after_crash = on
jit = off
fsync = on
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE care');
$node->safe_psql('care', 'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
$node->safe_psql(
	'care', q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
	CREATE TABLE public.number AS
	SELECT row_number() OVER (ORDER BY n)::integer AS i, n
	FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 300000) g) v
	WHERE n IS NOT NULL LIMIT 25000;
	INSERT INTO care_identity.person SELECT i FROM generate_series(1, 1000) i;
	INSERT INTO care_identity.identity (person_id, nhs_number, link_rank) SELECT i, n, 1 FROM public.number WHERE i <= 1000;
	INSERT INTO care.person (person_id, practice_code) SELECT i, 'Y9000' || i % 3 FROM generate_series(1, 1000) i;
	CREATE FUNCTION public.object(i integer) RETURNS bigint LANGUAGE sql AS
		$$ SELECT caredata.record_objection(n::text, 'local') FROM public.number r WHERE r.i = object.i $$;
	CREATE FUNCTION public.withdraw(i integer) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM caredata.withdraw_objection(n::text, 'local') FROM public.number r WHERE r.i = withdraw.i;
	EXCEPTION WHEN no_data_found THEN NULL;
	END $$;
	SELECT caredata.create_agreement('R-1', 'Test', 'QZZ', 'Made-up ICB', '2014-01-01', '2099-12-31');
	INSERT INTO care.practice (practice_code, name) SELECT 'Y9000' || g, 'Practice' FROM generate_series(0, 2) g;
	SELECT caredata.create_release(1, 'north', 'Everyone.', 'public_task', 'anonymised');
	SELECT caredata.create_release(1, 'south', 'One practice.', 'public_task', 'anonymised', 'practice', '{Y90001}');
	SELECT caredata.permit_dataset(r, 'person') FROM generate_series(1, 2) r;
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(r) FROM generate_series(1, 2) r;
	RESET SESSION AUTHORIZATION;
	SELECT caredata.activate_release(r) FROM generate_series(1, 2) r;
	GRANT north_reader TO alice;
});

# Objections, one after the other, each acknowledged by its number; a load that
# brings people, with its refresh; withdrawals and readers, by pgbench.
sub start_psql
{
	my ($script, $out) = @_;
	my $file = "$tmp/" . $node->name . '_' . int(rand(1e9)) . '.sql';
	open(my $sql, '>', $file) or die "$file: $!";
	print $sql $script;
	close($sql);
	return IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr('care') ],
		'>', $out, '2>', \my $errors);
}
PostgreSQL::Test::Utils::append_to_file("$tmp/kill_mixed.sql", q{\set p random(1, 1000)
SELECT public.object(:p);
\set q random(1, 1000)
SELECT public.withdraw(:q);
SELECT count(*) FROM north.person;
});

# without anything to write into a session that may be gone
sub is_up
{
	return IPC::Run::run([ 'psql', '-X', '-A', '-t', '-c', 'SELECT 1', '-d', $node->connstr('care') ],
		'<', '/dev/null', '>', \my $out, '2>', \my $errors);
}

my $next = 2000;
my $all = 0;
my $loaded = 0;
foreach my $round (1 .. $kills)
{
	# people who are not in the database yet: their objections wait for them
	my $from = $next + 1;
	$next += 400;
	my $acknowledged = '';
	my $recording = start_psql(join("\n", map { "SELECT public.object($_) IS NOT NULL, $_;" } $from .. $next), \$acknowledged);
	my @landing = map {
		my $i = $from + int(rand(400));
		$loaded++;
		"INSERT INTO care_landing.gp_registration (registration_id, practice, nhs_number, date_of_birth, sex, registration_start)"
		  . " SELECT 'r$loaded', 'Y90001', n::text, '1950-01-01', '1', '2020-01-01' FROM public.number WHERE i = $i;"
	} 1 .. 200;
	my $load_said = '';
	my $loading = start_psql(join("\n", map { (@landing[ $_ * 20 .. $_ * 20 + 19 ], "CALL caredata.load('gp_registration');", 'SELECT caredata.refresh_visible_sets();') } 0 .. 9), \$load_said);
	my $mixed = IPC::Run::start([ 'pgbench', '-n', '-c', '6', '-j', '2', '-T', '60', '-f', "$tmp/kill_mixed.sql",
			'-h', $node->host, '-p', $node->port, 'care' ], '>', \my $out, '2>', \my $err);

	usleep(300_000 + int(rand(1_500_000)));
	if ($round % 2)
	{
		# a server process at work: the others are ended, the server recovers
		my @pids = split /\n/, $node->safe_psql('postgres', q{
			SELECT pid FROM pg_stat_activity WHERE datname = 'care' AND backend_type = 'client backend' AND state = 'active' ORDER BY random() LIMIT 1});
		kill 'KILL', $pids[0] if @pids;
		$_->finish for $recording, $loading, $mixed;
		my $tries = 0;
		usleep(100_000) until is_up() || $tries++ > 600;
	}
	else
	{
		$node->kill9;
		$_->finish for $recording, $loading, $mixed;
		# the processes of the dead postmaster go when they notice
		my $tries = 0;
		until ($node->start(fail_ok => 1) || $tries++ > 100)
		{
			usleep(300_000);
			$node->stop('fast', fail_ok => 1);
		}
	}

	my @said = map { /^t\|(\d+)/ ? $1 : () } split /\n/, $acknowledged;
	my $list = join(',', @said) || '0';
	$all += @said;
	is($node->safe_psql('care', "SELECT count(*) FROM care_identity.objection o JOIN public.number r ON r.n = o.nhs_number WHERE r.i IN ($list)"),
		scalar @said, "round $round: each of @{[ scalar @said ]} acknowledged objections is there");
	is($node->safe_psql('care', 'SELECT * FROM caredata.check_visible_sets()'), '', "round $round: the sets equal a rebuild");
	is( $node->safe_psql('care', q{
			SELECT count(*) FROM caredata.visible_setting v JOIN care_identity.identity i ON true
			JOIN care_identity.objection o ON o.nhs_number = i.nhs_number AND o.withdrawn_from IS NULL
			JOIN caredata.visible_chunk c ON c.set_id = v.set_id AND c.chunk = i.person_id >> 14
			WHERE get_bit(c.bits, i.person_id & 16383) = 1}),
		'0', "round $round: nobody who objects is shown");
}
cmp_ok($all, '>', $kills, 'objections were acknowledged');
cmp_ok($node->safe_psql('care', 'SELECT count(*) FROM care_identity.person'), '>', 1000, 'people have come meanwhile');
cmp_ok($node->safe_psql('care', 'SELECT count(*) FROM north.person', extra_params => [ '-U', 'alice' ]), '>', 100, 'and there are some to read about');
$node->stop;

done_testing();
