# A load that is cut short, by whatever and wherever, has done nothing: what was
# landed is there, nothing is stored, and the next run does it all. Rows that
# arrive meanwhile are in the next load. The server log holds no identifier.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('load');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'caredata'
restart_after_crash = on
log_statement = 'all'
log_min_duration_statement = 0
log_error_verbosity = verbose
deadlock_timeout = '10min'
CONF
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');

# 600 attendances of 100 people, some of them wrong: an NHS number that fails
# its check, one without anything to link on, one of a day that never was.
my @numbers;
for (my $stem = 999000100; @numbers < 100; $stem++)
{
	my @digits = split //, $stem;
	my $sum = 0;
	$sum += $digits[$_] * (10 - $_) foreach 0 .. 8;
	my $check = (11 - $sum % 11) % 11;
	push @numbers, "$stem$check" if $check != 10;
}
my $columns = 'fyear, aekey, newnhsno, dob, sex, homeadd, procode3, arrivaldate';

sub file
{
	my ($first) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/ed_$first.csv";
	open(my $fh, '>', $file) or die "$file: $!";
	foreach my $i ($first .. $first + 599)
	{
		my $person = $i % 100;
		my $number = $numbers[$person];
		my @record = (
			'2324', $i, $number, sprintf('19%02d-03-04', $person),
			1 + $person % 2, 'LS1 4AP', 'RR8', '2023-05-01');
		$record[2] = $number + 1 if $i % 100 == 7;
		@record[ 2, 3 ] = ('', '') if $i % 200 == 8;
		$record[7] = '2023-02-30' if $i % 300 == 9;
		print $fh join(',', @record), "\n";
	}
	close($fh) or die "$file: $!";
	return $file;
}

sub land
{
	my ($first) = @_;
	my $file = file($first);
	return "\\copy care_landing.ed_attendance ($columns) FROM '$file' (FORMAT csv)";
}

# A psql that is given lines one by one.
sub session
{
	my ($name) = @_;
	my $session = { in => '', out => '' };
	$session->{handle} = IPC::Run::start(
		[ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ],
		'<', \$session->{in}, '>', \$session->{out}, '2>&1',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	ask($session, "SET application_name = '$name';");
	return $session;
}

sub type_in
{
	my ($session, $line) = @_;
	$session->{in} .= "$line\n";
	$session->{handle}->pump_nb;
	return;
}

sub ask
{
	my ($session, $line) = @_;
	$session->{out} = '';
	$session->{in} .= "$line\n\\echo <done>\n";
	$session->{handle}->pump until $session->{out} =~ /<done>/;
	return $session->{out};
}

sub end
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	eval { $session->{handle}->finish; };
	eval { $session->{handle}->kill_kill; } if $@;
	return $session->{out};
}

sub waiting
{
	my ($name, $more) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name' AND wait_event_type = 'Lock'"
	);
}

sub pid_of
{
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE application_name = '$name'");
}

# What there is of the load anywhere.
my $state = q{
SELECT (SELECT count(*) FROM care_landing.ed_attendance) || ' landed, '
	|| (SELECT count(*) FROM care.ed_attendance) || ' stored, '
	|| (SELECT count(*) FROM care_landing.quarantine) || ' quarantined, '
	|| (SELECT count(*) FROM care_identity.identity) || ' identities, '
	|| (SELECT count(*) FROM care_identity.person) || ' people, '
	|| (SELECT count(*) FROM care.person) || ' persons, '
	|| (SELECT count(*) FROM caredata.load_run) || ' loads'};
my $untouched =
  '600 landed, 0 stored, 0 quarantined, 0 identities, 0 people, 0 persons, 0 loads';

$node->safe_psql('postgres', land(0));
is($node->safe_psql('postgres', $state), $untouched, 'landed');

# The load is held up by a lock at a place of our choice, and ended there.
my %place = (
	'before it links' => 'care_identity.person',
	'before it stores' => 'care.ed_attendance',
	'after it stored, before it accounts' => 'caredata.load_run');
my %end = (
	'kill -9 of its server process' => sub { kill 'KILL', pid_of('loader'); 1 },
	'immediate stop of the server' => sub { $node->stop('immediate'); $node->start; 1 },
	'cancel' => sub { $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . pid_of('loader') . ')') },
	'termination' => sub { $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . pid_of('loader') . ')') },
	'the client going away' => undef);

foreach my $place (sort keys %place)
{
	foreach my $end (sort keys %end)
	{
		my $holder = session('holder');
		ask($holder, "BEGIN; LOCK TABLE $place{$place} IN SHARE MODE;");
		my $loader = session('loader');
		if ($end eq 'the client going away')
		{
			# noticed when the server next looks at the connection
			ask($loader, "SET client_connection_check_interval = '100ms';");
		}
		type_in($loader, "CALL caredata.load('ed_attendance', 'ed.csv');");
		waiting('loader') or die 'the load did not get there';
		if ($end{$end}) { $end{$end}->() or die $end; }
		else { $loader->{handle}->kill_kill; }
		# a crash takes the others along, and it takes a moment
		$node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'loader' AND state <> 'idle'")
		  or die 'the load did not end';
		end($_) foreach $loader, $holder;
		is($node->safe_psql('postgres', $state), $untouched, "$end $place: nothing happened");
	}
}

# statement_timeout is a cancel that comes at any moment.
my $timeouts = 0;
foreach my $ms (1, 3, 10, 30, 100)
{
	my ($status, $out, $err) = $node->psql('postgres',
		"SET statement_timeout = $ms; BEGIN; CALL caredata.load('ed_attendance'); ROLLBACK;");
	$timeouts++ if $err =~ /statement timeout/;
	$node->safe_psql('postgres', $state) eq $untouched or die "a time-out after $ms ms left something";
}
cmp_ok($timeouts, '>=', 2, 'loads timed out, and left nothing');

# The run after all that does everything. While it runs another file arrives.
my $holder = session('holder');
ask($holder, 'BEGIN; LOCK TABLE care.ed_attendance IN SHARE MODE;');
my $loader = session('loader');
type_in($loader, "CALL caredata.load('ed_attendance', 'ed.csv');");
waiting('loader');
my $lander = session('lander');
type_in($lander, land(600));
waiting('lander');
is( $node->safe_psql('postgres', "SELECT count(*) FROM care.ed_attendance"), '0',
	'nothing is seen of a load that runs');
ask($holder, 'COMMIT;');
ask($loader, '');
ask($lander, '');
end($_) foreach $holder, $loader, $lander;
my $balance = q{SELECT landed, stored, quarantined, withheld, balanced, new_persons FROM caredata.load_balance ORDER BY load_id DESC LIMIT 1};
# 7, 107, ... fail the check digit but can be linked by the rest: one person by
# birth, sex and postcode; 8, 208, 408 cannot; 9 and 309 are of no day
is($node->safe_psql('postgres', $balance), '600|595|5|0|t|100', 'the load did it all');
is($node->safe_psql('postgres', 'SELECT count(*), min(aekey::integer), max(aekey::integer) FROM care_landing.ed_attendance'),
	'600|600|1199', 'the file that arrived meanwhile is there');
$node->safe_psql('postgres', q{CALL caredata.load('ed_attendance', 'ed_600.csv')});
is($node->safe_psql('postgres', $balance), '600|595|5|0|t|0', 'and is loaded next, of the same people');

# Retries: the first file again, with as much of the second as there was before
# somebody noticed.
$node->safe_psql('postgres', land(0));
$node->safe_psql('postgres', land(600));
my $digest = q{SELECT md5(string_agg(e::text, ' ' ORDER BY aekey)) FROM care.ed_attendance e};
my $before = $node->safe_psql('postgres', $digest);
$node->safe_psql('postgres', q{CALL caredata.load('ed_attendance')});
is($node->safe_psql('postgres', $balance), '1200|0|10|1190|t|0', 'landed again: already stored');
is($node->safe_psql('postgres', $digest), $before, 'and nothing has changed');
is($node->safe_psql('postgres', q{SELECT bool_and(balanced), sum(landed) = sum(stored + quarantined + withheld) FROM caredata.load_balance}),
	't|t', 'all loads balance');

# No NHS number, as given or stored, in the log of all that.
my $log = slurp_file($node->logfile);
my @found = grep { index($log, $_) >= 0 } @numbers;
is(scalar(@found), 0, 'the server log holds no NHS number');
unlike($log, qr/LS1 4AP|19\d\d-03-04/, 'and no postcode or date of birth');

done_testing();
