# The quality of linkage on the two smallest real sets, so that a change that
# links worse goes red within seconds. make quality runs all of them; these are
# its sets and its bars.
#
# The files are not part of the project. They are looked for in the directory
# that CAREDATA_SHARED_DATA names, or in ../shared/data beside the checkout.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{CAREDATA_SHARED_DATA};
$data = '../shared/data' unless defined $data && $data ne '';
foreach my $needed ('splink/fake_1000.csv', 'febrl/dataset1.csv')
{
	plan skip_all =>
	  "no $needed in CAREDATA_SHARED_DATA or ../shared/data: quality not tested"
	  unless -e "$data/$needed";
}
chomp($data = `cd '$data' && pwd`);

my $node = PostgreSQL::Test::Cluster->new('quality');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->start;

my $directory = PostgreSQL::Test::Utils::tempdir;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
command_ok([ 'perl', 'test/quality/quality.pl', $directory, $data, 'fake_1000', 'febrl1' ],
	'the bars of fake_1000 and febrl1 are reached');

my %row = map { my $row = decode_json($_); $row->{data} => $row }
  split /\n/, slurp_file("$directory/quality.jsonl");
cmp_ok($row{fake_1000}{best_f1}, '>=', 0.88, 'fake_1000: best F1');
cmp_ok($row{fake_1000}{cluster_f1}, '>=', 0.95, 'fake_1000: F1 of clusters');
cmp_ok($row{febrl1}{f1}, '>=', 0.99, 'febrl1: F1 at the default threshold');
cmp_ok($row{febrl1}{cluster_f1}, '>=', 0.99, 'febrl1: F1 of clusters');

$node->stop;
done_testing();
