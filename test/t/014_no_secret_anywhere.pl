# Where no key byte may be found, nor an NHS number outside its tables: a care
# database is loaded, released, queried, pseudonymised, translated and
# re-identified, with mistakes, while the server logs every statement at
# debug5. Then all that came of it is searched: log, statistics of statements,
# activity, settings, every catalogue, dumps, EXPLAIN VERBOSE, error texts,
# temporary files, and core files made on purpose of the postmaster and of
# backends, with open keys and without.

use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $keys = File::Temp::tempdir(CLEANUP => 1);

# The domain key of test/t/010_keys.pl comes in under the master key of that
# test, whose bytes, one after the other, are in every program: it is changed
# before anything else. What is derived from them was worked out with the
# BLAKE2b of the Python library.
my $first_master_hex = '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f';
my %secret = (
	'master key' => '13652dcf0b7e4a82b0b12d34ce12dd7e80441c562a12ab80a765a48f7ab9e4b1',
	'wrapping key' => 'ed2863a657a6501668007028bedd024d45bc0bc842cee3a215365e1103dbe3a7',
	'wrapping key of before' => 'd07f6fc46cb1cfb378e7ab88f136322911ad039b7baeeb82e923571725f95fc5',
	'domain key' => '030a11181f262d343b424950575e656c737a81888f969da4abb2b9c0c7ced5dc',
	'block key' => 'c47f4e4efbf6076c7d5ed1889c177c823090c95e911404a7b1f190efe05c7b9a',
	'key of record_pid(text)' => 'd4b75a2f59b63d9a4c2ddba7e61e9e25eade819dd0434819ab3d008f9750722a',
	'key of pseudonym_of()' => '5c62acffd6bea74b61a4589da87a67320e7dd50ea40effa3644ce570aa92c0a7',
	'key of fpe_encrypt()' => 'a14fd39fb11cb2c614305e20e9a7e574286ce9fc458b07feb5cd4f14a1fce620',
	'key of shifted_date()' => '1e68935f84bce167b9c3b932caae65f8225699cbbba437369e32fcd7b76b3f87');
my $domain_fingerprint = 'c6b2815919d2f33b';
my $wrapped_hex = '01101112131415161718191a1b1c1d1e1f2021222324252627'
  . 'c8c4638b51424d7fffcf3299128508e8da1e55488e34a06a77c815eb9a78d51c'
  . 'b86e6f097d1793f76459c93c4cc50522';
my $salt = 'a salt that must not show 7c1e';

# A hundred people of the range that is never issued; the last two are in no
# file, and typed in by hand.
my @numbers;
for (my $stem = 999000100; @numbers < 102; $stem++)
{
	my @digits = split //, $stem;
	my $sum = 0;
	$sum += $digits[$_] * (10 - $_) foreach 0 .. 8;
	my $check = (11 - $sum % 11) % 11;
	push @numbers, "$stem$check" if $check != 10;
}

sub write_file
{
	my ($path, $contents, $mode) = @_;
	unlink $path;
	open(my $fh, '>:raw', $path) or die "$path: $!";
	print $fh $contents;
	close($fh) or die "$path: $!";
	chmod($mode || 0600, $path) or die "$path: $!";
	return $path;
}

write_file("$keys/first.key", $first_master_hex);
write_file("$keys/master.key", $secret{'master key'});
write_file("$keys/salt", $salt);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
my $libraries = -e (my $library = qx(pg_config --pkglibdir) =~ s/\n//r . '/pg_stat_statements.so')
  ? 'caredata, pg_stat_statements' : 'caredata';
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = '$libraries'
caredata.master_key_file = '$keys/first.key'
caredata.master_key_file_next = '$keys/master.key'
work_mem = '64kB'
log_min_messages = 'debug5'
log_min_error_statement = 'debug5'
log_statement = 'all'
log_min_duration_statement = 0
log_error_verbosity = 'verbose'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_temp_files = 0
log_lock_waits = on
debug_print_plan = on
restart_after_crash = on
CONF

# Server processes may leave core files, in the data directory.
my $pg_ctl_start = sub {
	local %ENV = $node->_get_env();
	system_or_bail('pg_ctl', '-w', '-s', '-c', '-D', $node->data_dir, '-l', $node->logfile, 'start');
	$node->_update_pid(1);
};
$pg_ctl_start->();

my $answers = '';    # everything that clients were told, errors above all

# SQL as somebody; what it said is kept for the search, whether it failed or not.
sub as
{
	my ($user, $sql, @options) = @_;
	my ($status, $out, $err) = $node->psql('care', "\\set VERBOSITY verbose\n$sql",
		extra_params => [ '-U', $user ], on_error_stop => 0);
	$answers .= "$err\n";
	return wantarray ? ($out, $err) : $out;
}

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE DATABASE care');
as($superuser, 'CREATE EXTENSION caredata; SELECT caredata.create_care_database(); CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
as( $superuser, q{
	CREATE ROLE author LOGIN IN ROLE caredata_admin;
	CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
	CREATE ROLE loader LOGIN IN ROLE caredata_loader;
	CREATE ROLE linker LOGIN IN ROLE caredata_linker;
	CREATE ROLE analyst LOGIN;
	CREATE ROLE stranger LOGIN;});

# ---------------------------------------------------------------------------
# A load, with mistakes; objections, as parameters
# ---------------------------------------------------------------------------

my $csv = '';
foreach my $i (0 .. 1999)
{
	my @record = ('2324', $i, $numbers[ $i % 100 ], sprintf('19%02d-03-04', $i % 100), 1 + $i % 2, 'LS1 4AP', 'RR8', '2023-05-01');
	$record[2] += 1 if $i % 100 == 7;           # fails its check
	@record[ 2, 3 ] = ('', '') if $i % 200 == 8;    # nothing to link on
	$record[7] = '2023-02-30' if $i % 300 == 9;     # no day
	$csv .= join(',', @record) . "\n";
}
write_file("$keys/ed.csv", $csv);
my $copy = "\\copy care_landing.ed_attendance (fyear, aekey, newnhsno, dob, sex, homeadd, procode3, arrivaldate) FROM '$keys/ed.csv' (FORMAT csv)";
as('loader', "$copy\nCALL caredata.load('ed_attendance');");
as('loader', "$copy\nCALL caredata.load('ed_attendance');");    # once more: all withheld
is(as($superuser, 'SELECT count(*), count(DISTINCT person_id) > 90 FROM care.ed_attendance'), '1983|t', 'loaded');

sub with_parameters
{
	my ($user, $sql, %parameter) = @_;
	my ($out, $err) = ('', '');
	write_file("$keys/script", "$sql;\n", 0644);
	IPC::Run::run([ 'pgbench', '-n', '-M', 'prepared', '-t', 1, '-f', "$keys/script", '-U', $user,
			(map { ('-D', "$_=$parameter{$_}") } keys %parameter), '-d', $node->connstr('care') ],
		'>', \$out, '2>', \$err);
	$answers .= $err;
	return $out =~ /transactions actually processed: 1\/1/ ? 'done' : $err;
}
as($superuser, q{
	INSERT INTO care_landing.national_list SELECT nhs_number::text FROM care_identity.identity WHERE nhs_number IS NOT NULL;
	SELECT caredata.import_national_list(caredata.request_national_list())});
is(with_parameters('guardian', 'SELECT caredata.record_objection(:n::text, \'local\')', n => $numbers[3]), 'done', 'an objection');
is(with_parameters('guardian', 'SELECT caredata.record_objection(:n::text, \'local\')', n => $numbers[100]), 'done', 'of somebody who is not known');
isnt(with_parameters('guardian', 'SELECT caredata.record_objection(:n::text, \'local\')', n => $numbers[101] + 1), 'done', 'of a number that is none: an error');
isnt(with_parameters('guardian', 'SELECT caredata.record_objection(:n::text, \'unheard of\')', n => $numbers[101]), 'done', 'of no kind: an error');

# ---------------------------------------------------------------------------
# Two releases, the first with the key that is known here
# ---------------------------------------------------------------------------

as('author', q{
	SELECT caredata.create_agreement('A-1', 'Search', 'QZZ', 'Made-up university', '2024-04-01', '2099-03-31') AS agreement \gset
	SELECT caredata.create_release(:agreement, 'one', 'A study', 'public_task', no_nhs_number => 'allow') AS a,
		   caredata.create_release(:agreement, 'two', 'Another study', 'public_task', no_nhs_number => 'allow') AS b \gset
	SELECT caredata.permit_dataset(:a, 'ed_attendance'), caredata.permit_dataset(:a, 'person'),
		   caredata.permit_dataset(:b, 'ed_attendance')});
as('guardian', q{SELECT caredata.approve_release(release_id) FROM caredata.release_register() r});
as($superuser, q{SET SESSION AUTHORIZATION guardian; SELECT caredata.approve_release(1), caredata.approve_release(2)});
as('author', 'SELECT caredata.activate_release(1), caredata.activate_release(2)');
as($superuser, qq{
	UPDATE caredata.domain_key SET wrapped_key = '\\x$wrapped_hex', fingerprint = '\\x$domain_fingerprint' WHERE domain_id = 1;
	SELECT caredata.rotate_master_key('to search');
	GRANT one_reader, two_reader TO analyst});
my $wrapped_now = $node->safe_psql('care', q{SELECT encode(wrapped_key, 'hex') FROM caredata.domain_key WHERE domain_id = 1});
isnt($wrapped_now, $wrapped_hex, 'under another master key');
$node->stop;
$node->append_conf('postgresql.conf', "caredata.master_key_file = '$keys/master.key'\ncaredata.master_key_file_next = ''");
unlink "$keys/first.key";
$pg_ctl_start->();
is(as($superuser, q{SELECT caredata.pid(1, '1')}), '3d01e8e0adbea0382518abcab71853ba', 'the first release has the known key');
is(as('analyst', 'SELECT count(*) > 1800 FROM one.ed_attendance'), 't', 'the analyst reads it');

# what analysts do, and what they should not
my ($plain, $explained) = ('', '');
foreach my $query (
	'SELECT * FROM one.person ORDER BY pid',
	'SELECT a.pid, count(*) FROM one.ed_attendance a JOIN one.person p ON p.pid = a.pid GROUP BY a.pid',
	"SELECT * FROM one.person WHERE pid = '3d01e8e0adbea0382518abcab71853ba'",
	"SELECT * FROM one.person WHERE pid IN ('3d01e8e0adbea0382518abcab71853ba', '00000000000000000000000000000000')",
	'SELECT one.current_pid(pid) FROM one.person',
	'SELECT * FROM one.person JOIN two.ed_attendance USING (pid)')
{
	$plain .= as('analyst', $query);
	$explained .= as('analyst', "EXPLAIN (VERBOSE, ANALYZE, BUFFERS) $query");
	$explained .= as($superuser, "EXPLAIN (VERBOSE, ANALYZE, BUFFERS) $query");
	$explained .= as($superuser, "EXPLAIN (VERBOSE, FORMAT JSON) $query");
}
like($explained, qr/one\.|person_of|pid/, 'plans were printed');
as('analyst', $_) foreach (
	q{SELECT '1'::caredata.release_ref}, q{SELECT caredata.pid(1, NULL) = 'not a pseudonym'}, 'SELECT * FROM care.ed_attendance',
	'SELECT * FROM care_identity.identity', 'SELECT * FROM caredata.domain_key', 'SELECT pid::int FROM one.person',
	'SELECT 1 / (attenddate - attenddate) FROM one.ed_attendance', 'SELECT * FROM one.person WHERE pid = 1/0::text',
	q{SELECT caredata.pseudonym_of('one', 'nhs_number', 'x')}, q{SELECT caredata.number_of('3d01e8e0adbea0382518abcab71853ba', 'one')},
	'CREATE TABLE mine AS SELECT * FROM one.person', 'CREATE TEMP TABLE mine AS SELECT * FROM one.person; SELECT pid::uuid, pid::text::int FROM mine');

# a linker's own table, by every function, with rows that fail
as($superuser, qq{
	SELECT caredata.create_domain('audit'), caredata.import_compat_secret('partner', '$keys/salt');
	CREATE TABLE public.audit AS SELECT nhs_number, date_of_birth, postcode FROM care_identity.identity;
	GRANT SELECT ON public.audit TO linker});
as('linker', $_) foreach (
	q{SELECT caredata.pseudonym_of('one', 'nhs_number', nhs_number, 'date?', date_of_birth) FROM public.audit},
	q{SELECT caredata.pid_of(nhs_number, 'one') FROM public.audit},
	q{SELECT caredata.nhs_like(nhs_number, 'one') FROM public.audit},
	q{SELECT caredata.fpe_encrypt(nhs_number::text, 10, '', 'one') FROM public.audit},
	q{SELECT caredata.fpe_encrypt(nhs_number::text || 'X', 10, '', 'one') FROM public.audit},
	q{SELECT caredata.fpe_encrypt(left(nhs_number::text, 5), 10, '', 'one') FROM public.audit},
	q{SELECT caredata.pseudonym_of('one', 'date', nhs_number) FROM public.audit},
	q{SELECT (nhs_number::text || '0')::caredata.nhs_number FROM public.audit},
	q{SELECT ((nhs_number::text::bigint + 1)::text)::caredata.nhs_number FROM public.audit},
	q{SELECT (nhs_number::text)::caredata.postcode FROM public.audit},
	q{SELECT nhs_number::text::caredata.pseudonym FROM public.audit},
	q{SELECT caredata.ndr_pseudo_id1(nhs_number::text, 'partner'), caredata.salted_sha256(nhs_number::text, 'partner') FROM public.audit},
	q{SELECT caredata.pid_of(nhs_number, 'nowhere') FROM public.audit},
	q{SELECT caredata.nhs_number_of(caredata.pid_of(nhs_number, 'one'), 'one') FROM public.audit});

# between releases, and back; the answer to the last is of NHS numbers
as('author', q{SELECT caredata.request_link_authority(1, 2, 'analyst', 'To search', '2026-01-01', '2099-01-01')});
as('guardian', 'SELECT caredata.approve_link_authority(1)');
is(as('analyst', 'SELECT count(*) > 80 FROM caredata.translate_all(ARRAY(SELECT pid FROM one.person), 1, 2)'), 't', 'translated');
as('analyst', q{SELECT caredata.request_reidentification(1, 'to search the log', ARRAY(SELECT pid FROM one.person LIMIT 50))});
as('guardian', 'SELECT caredata.approve_reidentification(1)');
my $back = $node->safe_psql('care', 'SELECT nhs_number FROM caredata.reidentify(1)', extra_params => [ '-U', 'analyst' ]);
like($back, qr/^999000\d{4}$/m, 're-identified');
as('analyst', 'SELECT * FROM caredata.reidentify(1)');
as('author', q{SELECT caredata.rotate_domain_key(2, 'to search')});

# ---------------------------------------------------------------------------
# What others see, while statements run and files spill
# ---------------------------------------------------------------------------

my $catalogues = q{
	SELECT format('SELECT %L, t::text FROM %I.%I t;', relname, nspname, relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	WHERE relkind IN ('r', 'v', 'm') AND nspname IN (%s)
	  AND relname NOT IN ('pg_hba_file_rules', 'pg_ident_file_mappings')};
my $all = $node->safe_psql('care', sprintf($catalogues, q{'pg_catalog', 'caredata', 'one', 'two', 'public', 'information_schema'}));
my $open = $node->safe_psql('care', sprintf($catalogues, q{'pg_catalog', 'information_schema', 'one', 'two', 'caredata', 'care', 'care_identity', 'care_landing'}));

# A psql that is given lines one by one.
sub session
{
	my ($user, $sql) = @_;
	my $session = { in => "$sql\n\\echo <done>\n", out => '' };
	$session->{handle} = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-U', $user, '-d', $node->connstr('care') ],
		'<', \$session->{in}, '>', \$session->{out}, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$session->{handle}->pump until $session->{out} =~ /<done>/;
	($session->{pid}) = $session->{out} =~ /^(\d+)$/m;
	return $session;
}

sub end
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	eval { $session->{handle}->finish; };
	eval { $session->{handle}->kill_kill; } if $@;
	return;
}

my $sorting = session('analyst', q{SELECT pg_backend_pid(); BEGIN; DECLARE c CURSOR FOR
	SELECT a.*, b.pid AS other FROM one.ed_attendance a CROSS JOIN (SELECT pid FROM two.ed_attendance LIMIT 20) b ORDER BY a.pid, b.pid; FETCH 1 FROM c;});
my $temporary = '';
my $temporary_files = 0;
foreach my $path (glob($node->data_dir . '/base/pgsql_tmp/* ' . $node->data_dir . '/base/pgsql_tmp/*/*'))
{
	next unless -f $path;
	$temporary .= slurp_file($path);
	$temporary_files++;
}
cmp_ok(length($temporary), '>', 1_000_000, 'a reader\'s sort has spilled into temporary files');
my $sort_linker = session('linker', q{SELECT pg_backend_pid(); BEGIN; DECLARE c CURSOR FOR
	SELECT caredata.pid_of(nhs_number, 'one') AS p, caredata.pseudonym_of('one', 'nhs_number', nhs_number) FROM public.audit CROSS JOIN generate_series(1, 500) ORDER BY p; FETCH 1 FROM c;});
my $linker_temporary = '';
foreach my $path (glob($node->data_dir . '/base/pgsql_tmp/*'))
{
	$linker_temporary .= slurp_file($path) if -f $path;
}

my $told = $node->safe_psql('care', "SET client_min_messages = warning; SET log_statement = 'none'; SET log_min_messages = warning;\n$all");
cmp_ok(length($told), '>', 1_000_000, 'the catalogues were read, with the statistics of statements');
like($told, qr/pg_stat_statements.*pid_of/, 'statements among them') if $libraries =~ /statements/;
as($superuser, 'ALTER ROLE analyst SET log_min_messages = warning; ALTER ROLE stranger SET log_min_messages = warning');
my ($reader_status, $reader_told, $reader_errors) = $node->psql('care', "SET client_min_messages = warning;\n$open",
	extra_params => [ '-U', 'analyst' ], on_error_stop => 0);
cmp_ok(length($reader_told), '>', 500_000, 'and what of them the analyst may read');
my ($stranger_status, $stranger_told, $stranger_errors) = $node->psql('care', "SET client_min_messages = warning;\n$open",
	extra_params => [ '-U', 'stranger' ], on_error_stop => 0);
end($sorting);
end($sort_linker);

$node->command_ok([ 'pg_dump', '-f', "$keys/all.sql", '-d', $node->connstr('care') ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-f', "$keys/part.sql", '-N', 'care_identity', '-N', 'care_landing', '-T', 'public.audit', '-d', $node->connstr('care') ],
	'pg_dump without the tables of identities');
$node->command_ok([ 'pg_dumpall', '-g', '-f', "$keys/roles.sql", '-d', $node->connstr('postgres') ], 'pg_dumpall -g');

# ---------------------------------------------------------------------------
# Core files: of a backend that has opened keys, of one that has not, and of the
# postmaster, which has the wrapping key in guarded memory
# ---------------------------------------------------------------------------

my %core;
my $pattern = -r '/proc/sys/kernel/core_pattern' ? slurp_file('/proc/sys/kernel/core_pattern') : '|';
chomp $pattern;
my $cores_wanted = $pattern =~ m{^[^|/]+$} && qx(bash -c 'ulimit -Hc') =~ /unlimited/;

# The core file that the server left in its data directory, taken away.
sub core_file
{
	my ($path) = grep { -f } glob($node->data_dir . '/*core*');
	return undef unless defined $path;
	my $contents = slurp_file($path);
	unlink $path;
	return $contents;
}

sub abort_process
{
	my ($pid) = @_;
	kill 'ABRT', $pid or die "kill: $!";
	for (1 .. 300)
	{
		last unless kill 0, $pid;
		usleep(100_000);
	}
	return;
}

# as the server's own user
my $holder = session('linker', q{SELECT pg_backend_pid(); SELECT count(caredata.pid_of(nhs_number, 'one')) FROM public.audit;});
SKIP:
{
	skip 'needs Linux and an ordinary user', 2 unless -d "/proc/$$" && $> != 0;
	ok(!open(my $memory, '<', "/proc/$holder->{pid}/mem"), 'the memory of a process with keys cannot be read by the server\'s own user');
	my $free = session('stranger', 'SELECT pg_backend_pid();');
	ok(open($memory, '<', "/proc/$free->{pid}/mem"), 'that of one without can');
	end($free);
}

SKIP:
{
	skip 'core files go elsewhere on this system', 5 unless $cores_wanted && $> != 0;

	abort_process($holder->{pid});
	end($holder);
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	is(core_file(), undef, 'a process with keys leaves no core file');

	my $free = session('stranger', 'SELECT pg_backend_pid();');
	abort_process($free->{pid});
	end($free);
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	$core{'core file of a process without keys'} = core_file();
	ok(defined $core{'core file of a process without keys'}, 'one without keys does');
	# it inherited guarded memory all the same, and is searched below

	$holder = session('linker', q{SELECT pg_backend_pid(); SELECT count(caredata.pid_of(nhs_number, 'one')) FROM public.audit;});
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	abort_process($postmaster);
	end($holder);
	usleep(500_000);
	$core{'core file of the postmaster'} = core_file();
	ok(defined $core{'core file of the postmaster'}, 'so does the postmaster');
	like($core{'core file of the postmaster'}, qr/\Q$keys\E\/master\.key/, 'which is readable: the path of the key file is found');
	unlike($core{'core file of the postmaster'} . $core{'core file of a process without keys'}, qr/\Q$salt\E/, 'the salt is in neither');
	$node->{_pid} = undef;
	unlink $node->data_dir . '/postmaster.pid';
	$pg_ctl_start->();
}
end($holder) unless $cores_wanted;
$node->safe_psql('care', 'CHECKPOINT');
$node->stop;

# ---------------------------------------------------------------------------
# The search
# ---------------------------------------------------------------------------

my %place = (
	'the server log' => slurp_file($node->logfile),
	'the catalogues and statistics' => $told,
	'the catalogues as the analyst reads them' => "$reader_told\n$reader_errors",
	'the catalogues as a stranger reads them' => "$stranger_told\n$stranger_errors",
	'the dump' => slurp_file("$keys/all.sql"),
	'the dump without identities' => slurp_file("$keys/part.sql"),
	'the dump of the roles' => slurp_file("$keys/roles.sql"),
	'EXPLAIN VERBOSE' => $explained,
	'messages to clients' => $answers,
	'answers to the analyst' => $plain,
	'temporary files of a reader' => $temporary,
	'temporary files of a linker' => $linker_temporary,
	%core);
my $files = '';
my @directories = ($node->data_dir);
while (my $directory = shift @directories)
{
	foreach my $path (glob("$directory/*"))
	{
		-d $path ? push(@directories, $path) : ($files .= slurp_file($path));
	}
}
$place{'the data directory'} = $files;

# every form of some bytes
sub forms
{
	my ($raw) = @_;
	my $hex = unpack('H*', $raw);
	my $whole = encode_base64($raw, '');
	$whole =~ s/=+$//;
	chop $whole if length($raw) % 3;    # its last digit is of what follows, too
	return ($raw, scalar reverse($raw), $hex, uc $hex, $whole,
		substr(encode_base64("\0$raw", ''), 2, int(length($raw) * 4 / 3) - 2),
		substr(encode_base64("\0\0$raw", ''), 3, int(length($raw) * 4 / 3) - 3));
}

# one look at each place for all of them; either half is enough
my %form;
foreach my $name (keys %secret)
{
	my $raw = pack('H*', $secret{$name});
	$form{$_} = $name foreach forms(substr($raw, 0, 16)), forms(substr($raw, 16));
}
$form{$_} = 'salt' foreach forms($salt);
my $any = join('|', map { quotemeta } sort keys %form);
$any = qr/($any)/;
foreach my $place (sort keys %place)
{
	my %found;
	$found{ $form{$1} } = 1 while $place{$place} =~ /$any/g;
	is(join(', ', sort keys %found), '', "$place: no key and no salt");
}
my $wrapped = pack('H*', $wrapped_now);
ok(index($place{'the dump'}, $wrapped_now) >= 0, 'the search finds the wrapped key in the dump');
ok(index($place{'the data directory'}, $wrapped) >= 0, 'and in the data directory');
ok(index($place{'the server log'}, $wrapped_hex) >= 0, 'and the one that was written in SQL here in the server log');
is(join(' ', map { $form{$1} } "x$secret{'block key'}x" =~ /$any/g), 'block key block key', 'a key would be found in hexadecimal');
is(join(' ', map { $form{$1} } encode_base64("xx" . pack('H*', $secret{'domain key'}), '') =~ /$any/g), 'domain key domain key', 'and in base64');

# NHS numbers, as text in any spelling, in hexadecimal and base64, and as the
# eight bytes of the type in either order. In what superusers read, the tables
# of identities and their statistics have them.
my %number = map { $_ => 1 } @numbers;
my ($low, $high) = (substr(pack('q', $numbers[0]), 2), substr(pack('q>', $numbers[0]), 0, 6));
sub numbers_in
{
	my ($text) = @_;
	my %found;
	while ($text =~ /999[ -]?000[ -]?(\d{4})|(?i:393939303030((?:3\d){4}))|OTk5MDAw(\w{6})|(..)\Q$low\E|\Q$high\E(..)/gs)
	{
		my $n = defined $1 ? "999000$1" : defined $2 ? '999000' . pack('H*', $2) : defined $3 ? '999000' . substr(decode_base64($3), 0, 4)
		  : defined $4 ? unpack('q', $4 . $low) : unpack('q>', $high . $5);
		$found{$n} = 1 if $number{$n};
	}
	return join(' ', sort keys %found);
}
foreach my $place ('the server log', 'the catalogues as the analyst reads them', 'the catalogues as a stranger reads them',
	'the dump without identities', 'the dump of the roles', 'EXPLAIN VERBOSE', 'messages to clients', 'answers to the analyst',
	'temporary files of a reader', 'core file of a process without keys', 'core file of the postmaster')
{
	is(numbers_in($place{$place}), '', "$place: no NHS number") if defined $place{$place};
}
isnt(numbers_in($place{'the dump'}), '', 'the search finds them in the whole dump');
isnt(numbers_in($place{'the data directory'}), '', 'and in the tables of identities');
is(join(' ', map { numbers_in($_) } "x$numbers[1]", unpack('H*', $numbers[1]), encode_base64($numbers[1]), substr($numbers[1], 0, 3) . ' 000 ' . substr($numbers[1], 6)),
	"$numbers[1] $numbers[1] $numbers[1] $numbers[1]", 'and would in other forms');

done_testing();
