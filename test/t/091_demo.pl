# The demo's story, on fewer people: every statement that should work does,
# every one that should be refused is, the objection takes effect on both
# connections, running it twice is safe, and stopping leaves nothing.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use PostgreSQL::Test::Utils;
use Test::More;

my $demo = dirname(__FILE__) . '/../../demo/run';
plan skip_all => 'the demo is not run as root by its own test' if $> == 0;

# a short path, since a socket stands in it
my $parent = File::Temp::tempdir('cdXXXX', DIR => '/tmp', CLEANUP => 1);
local $ENV{CAREDATA_DEMO} = "$parent/demo";

sub demo
{
	my @options = @_;
	my $said = '';
	my $ok = IPC::Run::run([ 'bash', $demo, @options ], '<', \undef, '>&', \$said);
	return ($ok, $said);
}

sub psql
{
	my ($person, $statement) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-h', $ENV{CAREDATA_DEMO}, '-p', 5432, '-U', $person,
			'-d', 'care', '-c', $statement ], '>', \$out, '2>', \$err);
	chomp $out;
	return $out;
}

my ($ok, $said) = demo('--people', 1500);
ok($ok, 'the demo runs') or diag($said);

unlike($said, qr/should have/, 'every statement went as the story says');
my @refused = $said =~ /^ERROR:  (.*)$/mg;
is_deeply(\@refused,
	[
		'permission denied for function approve_release',
		'permission denied for table apc_episode',
		'permission denied for schema care_identity',
		'permission denied to make a release handle',
		'permission denied for schema leeds',
		'release "copd_study" has expired',
	],
	'what is refused, and why');
my @loads = $said =~ /^ \w+ +\| +\d+ \| +\d+ \| +\d+ \| +\d+ \| ([tf]) +\| +\d+$/mg;
is(join('', @loads), 't' x 9, 'nine loads are in balance');

# The busiest person is first on both connections, then on neither.
my @first = $said =~ /^ ([0-9a-f]{32}) \| +\d+\n/mg;
my ($before_1, $before_2, $after_1, $after_2) = @first[ 0, 3, 6, 9 ];
is($before_2, $before_1, 'two connections see the same person first');
isnt($after_1, $before_1, 'who objected is gone from one connection');
is($after_2, $after_1, 'and from the other');
like($said, qr/rows_of_that_person \n-+\n +0\n/, 'with every row');

is(psql('dba', 'SELECT count(*) FROM caredata.check_visible_sets()'),
	0, 'the sets are what they should be');
cmp_ok(psql('alice', 'SELECT count(*) FROM leeds.person'), '>', 300, 'alice can be');
cmp_ok(psql('bob', 'SELECT count(*) FROM copd_study.person'), '>', 1000, 'so can bob');
my @other = (psql('alice', 'SELECT pid FROM leeds.person'), psql('bob', 'SELECT pid FROM copd_study.person'));
my %alices = map { $_ => 1 } split /\n/, $other[0];
is(scalar(grep { $alices{$_} } split /\n/, $other[1]), 0, 'and they have no pseudonym in common');

($ok, $said) = demo('--people', 500);
ok($ok, 'it can be run again') or diag($said);
cmp_ok(psql('bob', 'SELECT count(*) FROM copd_study.person'), '<', 700, 'and replaces the earlier one');
($ok) = demo('--stop');
ok($ok && !-e $ENV{CAREDATA_DEMO}, 'stopping it leaves nothing');
($ok, $said) = demo('--stop');
ok($ok, 'stopping nothing is no error');

# It removes no directory that it did not make.
mkdir $ENV{CAREDATA_DEMO};
($ok, $said) = demo('--people', 500);
ok(!$ok && -d $ENV{CAREDATA_DEMO}, 'a directory that is not its own is left alone');
like($said, qr/not an earlier demo/, 'and it says so');
rmdir $ENV{CAREDATA_DEMO};

done_testing();
