# Privacy-preserving linkage between two parties, as
# docs/privacy-preserving-linkage.md tells it: a hospital and a registry, each
# with a server and a master key of its own, agree upon a schema and a secret,
# encode, and send what they encoded to a linkage unit, which has neither; it
# compares and sends links back. First on people made up here, hardened in
# several ways; then, where the files are, on FEBRL 4, whose CLKs must be those
# of clkhash bit for bit.
#
# The files are not part of the project.  They are looked for in the directory
# that CAREDATA_SHARED_DATA names, or in ../shared/data beside the checkout.

use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $files = File::Temp::tempdir(CLEANUP => 1);
my $secret = join('', map { chr(33 + ($_ * 37 + 11) % 90) } 1 .. 40);
my $json = JSON::PP->new->canonical;

sub write_file
{
	my ($path, $contents) = @_;
	open(my $fh, '>:raw', $path) or die "$path: $!";
	print $fh $contents;
	close($fh) or die "$path: $!";
	chmod(0600, $path) or die "$path: $!";
	return $path;
}

sub failure
{
	my ($node, $sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : "no error: $stdout";
}

sub start_party
{
	my ($name, $seed) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $key = write_file("$files/$name.key",
		unpack('H*', join('', map { chr(($_ * $seed + 7 * $seed) % 256) } 1 .. 32)));

	$node->init;
	$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$key'
log_statement = all
log_min_messages = debug1
CONF
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION caredata;
		SELECT caredata.create_care_database();
		CREATE ROLE author LOGIN IN ROLE caredata_admin;
		CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
		CREATE ROLE linker LOGIN IN ROLE caredata_linker;
		GRANT CREATE ON SCHEMA public TO linker;
		GRANT pg_write_server_files, pg_read_server_files TO linker});
	return $node;
}

# As one of the logins of a party.
sub as
{
	my ($node, $user, $sql) = @_;
	return $node->safe_psql('postgres', "SET SESSION AUTHORIZATION $user; SET search_path = public, caredata; $sql");
}

# ---------------------------------------------------------------------------
# People made up: the hospital knows 1 to 1200, the registry 401 to 1600
# ---------------------------------------------------------------------------

my $state = 20261122;

sub random
{
	my ($n) = @_;
	$state = ($state * 1103515245 + 12345) % 2147483648;
	return int($state / 65536) % $n;
}

my @syllables = qw(an ber cor dal el fen gar hol in jes kel lor mar nor os per quin ros sten tor ul ver wil yor zan);
my (@forenames, @surnames);
push @forenames, ucfirst($syllables[ random(25) ] . $syllables[ random(25) ]) for 1 .. 150;
push @surnames, ucfirst($syllables[ random(25) ] . $syllables[ random(25) ] . ($syllables[ random(25) ], '', 'son', 'ley')[ random(4) ]) for 1 .. 400;

sub person
{
	return {
		forename => uc $forenames[ random(random(3) ? 150 : 15) ],
		surname => uc $surnames[ random(random(3) ? 400 : 30) ],
		dob => sprintf('%04d-%02d-%02d', 1930 + random(90), 1 + random(12), 1 + random(28)),
		sex => 1 + random(2),
		postcode => sprintf('%s%d %d%s%s', (qw(LS BD HX WF HD))[ random(5) ], 1 + random(20), random(10), map { ('A' .. 'Z')[ random(26) ] } 1 .. 2)
	};
}

# The same person as another organisation wrote them down.
sub with_errors
{
	my %other = %{ $_[0] };

	substr($other{surname}, random(length $other{surname}), 1) = ('A' .. 'Z')[ random(26) ] if random(100) < 10;
	substr($other{forename}, random(length $other{forename}), 1) = '' if random(100) < 8;
	$other{dob} =~ s/-(\d\d)-(0\d|1[0-2])$/-$2-$1/ if random(100) < 3;
	$other{postcode} = person()->{postcode} if random(100) < 15;
	$other{postcode} = '' if random(100) < 3;
	$other{surname} = uc $surnames[ random(400) ] if $other{sex} == 2 && random(100) < 3;
	return \%other;
}

my @people = map { person() } 1 .. 1600;

sub rows
{
	my ($prefix, $first, $last, $change) = @_;
	return join('', map {
		my $p = $change->($people[ $_ - 1 ]);
		join("\t", "$prefix" . ($_ * 7919 % 99991), @$p{qw(forename surname dob sex)}, $p->{postcode}) . "\n"
	} $first .. $last);
}

my %file = (
	hospital => write_file("$files/hospital.tsv", rows('h', 1, 1200, sub { $_[0] })),
	registry => write_file("$files/registry.tsv", rows('r', 401, 1600, \&with_errors)));

# ---------------------------------------------------------------------------
# What is agreed upon
# ---------------------------------------------------------------------------

sub feature
{
	my ($identifier, $format, $comparison, $bits, @missing) = @_;
	return {
		identifier => $identifier,
		format => $format,
		hashing => {
			comparison => $comparison,
			strategy => { bitsPerFeature => $bits },
			hash => { type => 'blakeHash' },
			@missing ? (missingValue => { sentinel => $missing[0], replaceWith => '' }) : ()
		}
	};
}

my $bigrams = { type => 'ngram', n => 2 };
my $positions = { type => 'ngram', n => 1, positional => JSON::PP::true };
my @features = (
	feature('forename', { type => 'string' }, $bigrams, 160),
	feature('surname', { type => 'string' }, $bigrams, 160),
	feature('dob', { type => 'date', format => '%Y-%m-%d' }, $positions, 160),
	feature('sex', { type => 'enum', values => [ '1', '2', '9' ] }, { type => 'exact' }, 20),
	feature('postcode', { type => 'string' }, $positions, 120));

sub schema
{
	my ($bits, $folds) = @_;
	return $json->encode({
		version => 3,
		clkConfig => { l => $bits, xor_folds => $folds, kdf => { type => 'HKDF', info => 'aG9zcGl0YWwgYW5kIHJlZ2lzdHJ5' } },
		features => \@features
	});
}

my $hospital = start_party('hospital', 37);
my $registry = start_party('registry', 73);
my $unit = start_party('unit', 101);

for my $party ($hospital, $registry)
{
	my $name = $party->name;
	as($party, 'linker', "CREATE TABLE patient (id text, forename text, surname text, dob text, sex text, postcode text);
		COPY patient FROM '$file{$name}'");
}

# Both parties take the secret from a file that reached them on a way of its own,
# make the schema and the project, and have it approved.
sub agree
{
	my ($name, $schema, $hardening) = @_;
	for my $party ($hospital, $registry)
	{
		my $path = write_file("$files/" . $party->name . '.secret', "$secret $name\n");
		$party->safe_psql('postgres', "SELECT caredata.import_compat_secret('$name', '$path')");
		unlink $path;
		as($party, 'author', "SELECT create_clk_schema('$name', '$schema')");
		as($party, 'author', "SELECT create_clk_project('$name', '$name', 'audit of outcomes', CURRENT_DATE + 30, '$name' $hardening)");
		as($party, 'guardian', "SELECT approve_clk_project('$name')");
	}
	return map { as($_, 'linker', "SELECT clk_agreement('$name')") } $hospital, $registry;
}

my @plain = agree('first', schema(1024, 0), q{, accept => ARRAY['unhardened']});
is($plain[0], $plain[1], 'two parties have agreed upon the same');
is(failure($hospital, q{SET SESSION AUTHORIZATION author; SELECT caredata.create_clk_project('second', 'first', 'another audit', CURRENT_DATE + 30, 'first', accept => ARRAY['unhardened'])}),
	'55000 linkage project "second" is refused: reused secret', 'the secret serves one project only');

# ---------------------------------------------------------------------------
# Encode, send, compare, send back
# ---------------------------------------------------------------------------

# Precision and recall of a linkage, after both parties have taken its links.
sub link_parties
{
	my ($name, $threshold) = @_;

	for my $party ($hospital, $registry)
	{
		my $sent = "$files/" . $party->name . ".$name.clks";
		as($party, 'linker', "COPY (SELECT record_id, clk FROM encode_clks('$name', 'patient', 'id') ORDER BY record_id) TO '$sent'");
		as($unit, 'linker', 'DROP TABLE IF EXISTS ' . $party->name . '; CREATE TABLE ' . $party->name
			. '(record_id text PRIMARY KEY, clk clk); COPY ' . $party->name . " FROM '$sent'");
	}
	# each record with its best, where each is the other's
	as($unit, 'linker', "
		DROP TABLE IF EXISTS link;
		CREATE TABLE link AS
		SELECT row_number() OVER (ORDER BY left_record) AS link, left_record, right_record, dice FROM (
			SELECT *, rank() OVER (PARTITION BY left_record ORDER BY dice DESC) AS left_rank,
				   rank() OVER (PARTITION BY right_record ORDER BY dice DESC) AS right_rank
			FROM dice_join('hospital', 'registry', $threshold)) pair
		WHERE left_rank = 1 AND right_rank = 1;
		COPY (SELECT link, left_record FROM link) TO '$files/hospital.$name.links';
		COPY (SELECT link, right_record FROM link) TO '$files/registry.$name.links'");
	for my $party ($hospital, $registry)
	{
		as($party, 'linker', "DROP TABLE IF EXISTS link; CREATE TABLE link (link bigint, id text); COPY link FROM '$files/" . $party->name . ".$name.links'");
	}

	# what both know only together
	my %of = map { split /\|/ } split(/\n/, as($hospital, 'linker', 'SELECT link, id FROM link'));
	my ($right, $wrong) = (0, 0);
	for my $row (split /\n/, as($registry, 'linker', 'SELECT link, id FROM link'))
	{
		my ($link, $id) = split /\|/, $row;
		substr($of{$link}, 1) eq substr($id, 1) ? $right++ : $wrong++;
	}
	return ($right / ($right + $wrong || 1), $right / 800);
}

sub try_linkage
{
	my ($name, $threshold, $precision, $recall) = @_;
	my ($p, $r) = link_parties($name, $threshold);
	note(sprintf '%s, threshold %s: precision %.4f, recall %.4f', $name, $threshold, $p, $r);
	cmp_ok($p, '>=', $precision, "$name: precision");
	cmp_ok($r, '>=', $recall, "$name: recall");
	return;
}

try_linkage('first', 0.8, 0.99, 0.98);

# what is sent holds no name, and the unit could not have made it
my $sent = slurp_file("$files/hospital.first.clks") . slurp_file("$files/registry.first.clks");
unlike($sent, qr/\b\d{4}-\d\d-\d\d\b/, 'no date of birth is sent');
is(scalar(grep { index(uc $sent, "\t" . uc $_) >= 0 } @surnames), 0, 'nor a surname');
like(failure($unit, q{SELECT caredata.clk_of('first', '1', 'A', 'B', NULL, NULL, NULL)}), qr/^42704 /, 'the unit cannot encode');

# the same data give the same CLK, whoever encodes
my $own = q{'x', 'MARY', 'JONES', '1970-01-01', '2', 'LS1 4AP'};
is(as($hospital, 'linker', "SELECT clk_of('first', $own)"), as($registry, 'linker', "SELECT clk_of('first', $own)"), 'both make the same CLK');

# ---------------------------------------------------------------------------
# Hardened
# ---------------------------------------------------------------------------

my %hardened = (
	folded => [ schema(512, 1), '', 0.7, 0.99, 0.98 ],
	salted => [ schema(1024, 0), q{, salt_feature => 'dob', salt_part => 'year'}, 0.75, 0.99, 0.98 ],
	flipped => [ schema(1024, 0), ', flip_probability => 0.1', 0.73, 0.98, 0.98 ],
	all => [ schema(1024, 0), q{, salt_feature => 'dob', salt_part => 'year', flip_probability => 0.1, balanced => true}, 0.77, 0.99, 0.97 ]);
for my $name (sort keys %hardened)
{
	my ($schema, $hardening, @expected) = @{ $hardened{$name} };
	my @agreed = agree($name, $schema, $hardening);
	is($agreed[0], $agreed[1], "$name: agreed");
	isnt($agreed[0], $plain[0], "$name: upon something else");
	try_linkage($name, @expected);
}
isnt(as($hospital, 'linker', "SELECT clk_of('flipped', $own)"), as($registry, 'linker', "SELECT clk_of('flipped', $own)"),
	'two parties never flip the same bits, even for the same id');

# another secret, another agreement
write_file("$files/other.secret", 'a secret that nobody agreed upon');
$registry->safe_psql('postgres', "SELECT caredata.import_compat_secret('other', '$files/other.secret')");
as($registry, 'author', q{SELECT create_clk_project('other', 'first', 'a mistake', CURRENT_DATE + 30, 'other', accept => ARRAY['unhardened'])});
as($registry, 'guardian', q{SELECT approve_clk_project('other')});
isnt(as($registry, 'linker', q{SELECT clk_agreement('other')}), $plain[1], 'another secret shows before anything is encoded');

# ---------------------------------------------------------------------------
# Afterwards
# ---------------------------------------------------------------------------

my $agreed = as($hospital, 'linker', q{SELECT clk_agreement('all')});
$hospital->restart;
is(as($hospital, 'linker', q{SELECT clk_agreement('all')}), $agreed, 'after a restart');
$hospital->command_ok([ 'pg_dump', '-f', "$files/dump.sql", '-d', $hospital->connstr('postgres') ], 'dumped');
$hospital->safe_psql('postgres', 'CREATE DATABASE again');
$hospital->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$files/dump.sql", '-d', $hospital->connstr('again') ], 'restored');
is($hospital->safe_psql('again', q{SELECT caredata.clk_agreement('all')}), $agreed, 'in a restored database');
as($hospital, 'author', q{SELECT end_clk_project('all', 'done')});
like(failure($hospital, q{SELECT caredata.clk_agreement('all')}), qr/^55000 linkage project "all" has ended/, 'an ended project encodes nothing');
$hospital->safe_psql('postgres', q{SELECT caredata.drop_compat_secret('all')});
is($hospital->safe_psql('postgres', q{SELECT secret IS NULL AND shared FROM caredata.clk_project WHERE name = 'all'}), 't', 'and its secret can go');

# ---------------------------------------------------------------------------
# FEBRL 4
# ---------------------------------------------------------------------------

SKIP:
{
	my $data = $ENV{CAREDATA_SHARED_DATA};
	$data = '../shared/data' unless defined $data && $data ne '';
	skip 'no FEBRL files in CAREDATA_SHARED_DATA or ../shared/data', 6
	  unless -e "$data/febrl/dataset4a.csv" && -e "$data/febrl/dataset4b.csv" && -e "$data/vectors/febrl4_clks.json";

	my $golden = $json->decode(slurp_file("$data/vectors/febrl4_clks.json"));
	my $number = { type => 'integer' };
	my $text = { type => 'string' };
	my @fields = (
		[ given_name => $text, $bigrams, 200 ], [ surname => $text, $bigrams, 200 ],
		[ street_number => $number, $positions, 100 ], [ address_1 => $text, $bigrams, 100 ],
		[ address_2 => $text, $bigrams, 100 ], [ suburb => $text, $bigrams, 100 ],
		[ postcode => $number, $positions, 100 ], [ state => $text, $bigrams, 100 ],
		[ date_of_birth => $number, $positions, 200 ]);
	my $schema = $json->encode({
		version => 3,
		clkConfig => { l => 1024, kdf => { type => 'HKDF', hash => 'SHA256', keySize => 64 } },
		features => [
			{ identifier => 'rec_id', ignored => JSON::PP::true },
			(map { feature(@$_) } @fields),
			{ identifier => 'soc_sec_id', ignored => JSON::PP::true }
		]
	});
	my $columns = join(', ', map { "$_ text" } 'rec_id', (map { $_->[0] } @fields), 'soc_sec_id');

	write_file("$files/febrl.secret", 'secret');
	$hospital->safe_psql('postgres', "SELECT caredata.import_compat_secret('febrl', '$files/febrl.secret')");
	as($hospital, 'author', "SELECT create_clk_schema('febrl', '$schema')");
	as($hospital, 'author', q{SELECT create_clk_project('febrl', 'febrl', 'golden', CURRENT_DATE + 30, 'febrl', accept => ARRAY['unhardened', 'short secret'])});
	as($hospital, 'guardian', q{SELECT approve_clk_project('febrl')});
	for my $side ('a', 'b')
	{
		my @lines = split /\n/, slurp_file("$data/febrl/dataset4$side.csv");
		shift @lines;
		my $tsv = '';
		for my $i (0 .. $#lines)
		{
			(my $line = $lines[$i]) =~ s/\r$//;
			$tsv .= join("\t", (map { s/^\s+//r } split /,/, $line, -1), $golden->{$side}[$i]) . "\n";
		}
		write_file("$files/febrl_$side.tsv", $tsv);
		as($hospital, 'linker', "CREATE TABLE febrl_$side ($columns, golden clk); COPY febrl_$side FROM '$files/febrl_$side.tsv';
			CREATE TABLE clk_$side AS SELECT * FROM encode_clks('febrl', 'febrl_$side', 'rec_id')");
		is(as($hospital, 'linker', "SELECT count(*) FILTER (WHERE c.clk::text = f.golden::text), count(*) FILTER (WHERE c.clk::text <> f.golden::text)
			FROM febrl_$side f JOIN clk_$side c ON c.record_id = f.rec_id"),
			'5000|0', "FEBRL 4$side: 5,000 CLKs are those of clkhash");
	}

	# one to one: each record's best, where each is the other's
	for my $expected ([ 0.9, 1, 0.80 ], [ 0.8, 0.999, 0.99 ])
	{
		my ($threshold, $precision, $recall) = @$expected;
		my ($links, $right) = split /\|/, as($hospital, 'linker', "
			SELECT count(*), count(*) FILTER (WHERE split_part(left_record, '-', 2) = split_part(right_record, '-', 2)) FROM (
				SELECT *, rank() OVER (PARTITION BY left_record ORDER BY dice DESC) AS l,
					   rank() OVER (PARTITION BY right_record ORDER BY dice DESC) AS r
				FROM dice_join('clk_a', 'clk_b', $threshold)) x
			WHERE l = 1 AND r = 1");
		note(sprintf 'FEBRL 4, threshold %s: precision %.4f, recall %.4f', $threshold, $right / $links, $right / 5000);
		cmp_ok($right / $links, '>=', $precision, "FEBRL 4, threshold $threshold: precision");
		cmp_ok($right / 5000, '>=', $recall, "FEBRL 4, threshold $threshold: recall");
	}
}

# ---------------------------------------------------------------------------
# What another session sees of a long comparison
# ---------------------------------------------------------------------------

$unit->safe_psql('postgres', q{
	CREATE TABLE many AS
	SELECT n::text AS record_id,
		   (SELECT string_agg(sha256(convert_to(n || ' ' || k, 'UTF8')), '' ORDER BY k)::bytea
			FROM generate_series(1, 4) k)::caredata.clk AS clk
	FROM generate_series(1, 60000) n});
my ($said, $complaint) = ('', '');
my $script = write_file("$files/compare.sql", q{
	SET application_name = 'mine';
	SELECT count(*) FROM caredata.dice_join('many', 'many', 0.9);
	SHOW application_name;
	CREATE TEMPORARY TABLE few AS SELECT * FROM many LIMIT 10;
	SELECT count(*), current_setting('application_name') FROM caredata.dice_join('few', NULL, 0.9)});
my $comparing = IPC::Run::start(
	[ 'psql', '-X', '-q', '-A', '-t', '-d', $unit->connstr('postgres'), '-f', $script ], '>', \$said, '2>', \$complaint,
	IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
ok($unit->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name ~ '^caredata: comparing CLKs, [1-9][0-9]? %$'}),
	'how far a comparison is shows in pg_stat_activity');
$unit->safe_psql('postgres',
	q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^caredata: comparing CLKs'});
$comparing->finish;
like($complaint, qr/canceling statement due to user request/, 'it can be cancelled');
is($said, "mine\n0|mine\n", 'the name of the session comes back, after an error and at the end');

# ---------------------------------------------------------------------------
# Where the secret may not be
# ---------------------------------------------------------------------------

$_->stop for $hospital, $registry, $unit;
my @forms = ($secret, unpack('H*', $secret));
my ($searched, $found) = (0, '');
my @todo = ((map { ($_->data_dir, $_->logfile) } $hospital, $registry, $unit), "$files/dump.sql");
while (defined(my $path = shift @todo))
{
	if (-d $path)
	{
		opendir(my $dh, $path) or next;
		push @todo, map { "$path/$_" } grep { $_ ne '.' && $_ ne '..' } readdir($dh);
		next;
	}
	next unless -f $path;
	my $contents = slurp_file($path);
	$searched++;
	for my $form (@forms)
	{
		$found .= "$path " if index($contents, $form) >= 0;
	}
}
cmp_ok($searched, '>', 2000, 'files were searched');
is($found, '', 'the secret is in no log, dump, table or WAL');

done_testing();
