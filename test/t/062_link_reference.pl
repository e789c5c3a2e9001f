# A model against figures that are published for it: the FEBRL4 files linked
# with the comparisons and rules of Splink's example, trained by rule, give the
# parameters that Splink gives; trained jointly they find more, and nothing
# false. The model of one database is another one's after a dump.
#
# The files are not part of the project.  They are looked for in the directory
# that CAREDATA_SHARED_DATA names, or in ../shared/data beside the checkout.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{CAREDATA_SHARED_DATA};
$data = '../shared/data' unless defined $data && $data ne '';
foreach my $needed ('febrl/dataset4a.csv', 'febrl/dataset4b.csv')
{
	plan skip_all =>
	  "no $needed in CAREDATA_SHARED_DATA or ../shared/data: the reference is not tested"
	  unless -e "$data/$needed";
}
chomp($data = `cd '$data' && pwd`);

my $node = PostgreSQL::Test::Cluster->new('link');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE febrl');
$node->safe_psql('febrl', <<SQL);
CREATE EXTENSION caredata;
CREATE TABLE original (rec_id text, given_name text, surname text, street_number text, address_1 text, address_2 text,
	suburb text, postcode text, state text, date_of_birth text, soc_sec_id text);
CREATE TABLE duplicate (LIKE original);
\\copy original FROM '$data/febrl/dataset4a.csv' CSV HEADER
\\copy duplicate FROM '$data/febrl/dataset4b.csv' CSV HEADER
-- a date that cannot be is none there, and keeps its digits here
CREATE VIEW a AS SELECT *, caredata.try_date(date_of_birth) AS born FROM original;
CREATE VIEW b AS SELECT *, caredata.try_date(date_of_birth) AS born FROM duplicate;
CREATE FUNCTION make_model(name text, birth name) RETURNS integer LANGUAGE plpgsql AS \$\$
DECLARE
	m integer := caredata.create_link_model(name, 'rec_id');
BEGIN
	PERFORM caredata.add_link_comparison(m, 'given name', 'text', '{given_name}', true,
		'{exact,jaro_winkler,jaro_winkler,jaro_winkler}', '{NULL,0.92,0.88,0.7}');
	PERFORM caredata.add_link_comparison(m, 'surname', 'text', '{surname}', true,
		'{exact,jaro_winkler,jaro_winkler,jaro_winkler}', '{NULL,0.92,0.88,0.7}');
	PERFORM caredata.add_link_comparison(m, 'birth', 'date', ARRAY[birth], false,
		'{exact,damerau,months,years,years}', '{NULL,1,1,1,10}');
	PERFORM caredata.add_link_comparison(m, 'number', 'text', '{soc_sec_id}', false, '{exact,damerau}', '{NULL,2}');
	PERFORM caredata.add_link_comparison(m, 'street', 'text', '{street_number}', true);
	PERFORM caredata.add_link_comparison(m, 'postcode', 'text', '{postcode}', true, '{exact,damerau,damerau}', '{NULL,1,2}');
	PERFORM caredata.set_link_model(m, all_pairs_limit => 0);
	PERFORM caredata.add_link_blocking(m, '{given_name,surname}');
	PERFORM caredata.add_link_blocking(m, '{given_name,surname}', right_columns => '{surname,given_name}');
	PERFORM caredata.add_link_blocking(m, ARRAY[birth]);
	PERFORM caredata.add_link_blocking(m, '{soc_sec_id}');
	PERFORM caredata.add_link_blocking(m, '{state,address_1}');
	PERFORM caredata.add_link_blocking(m, '{street_number,address_1}');
	PERFORM caredata.add_link_blocking(m, '{postcode}');
	PERFORM caredata.add_link_blocking(m, ARRAY[birth], purpose => 'train');
	PERFORM caredata.add_link_blocking(m, '{postcode}', purpose => 'train');
	PERFORM caredata.add_link_blocking(m, '{soc_sec_id}', purpose => 'deterministic');
	PERFORM caredata.add_link_blocking(m, ARRAY['given_name', 'surname', birth], purpose => 'deterministic');
	RETURN m;
END \$\$;
-- links that are right, of all
CREATE FUNCTION outcome(m integer, minimum float8) RETURNS text LANGUAGE sql AS
	\$\$ SELECT count(*) FILTER (WHERE same) || ' right, ' || count(*) FILTER (WHERE NOT same) || ' wrong'
		FROM (SELECT split_part(left_id, '-', 2) = split_part(right_id, '-', 2) AS same FROM caredata.link(m, 'a', 'b', minimum)) l \$\$;
SQL

# 1. By rule. m and lambda depend on no sample but through u.
my $m = $node->safe_psql('febrl', q{SELECT make_model('by rule', 'born')});
$node->safe_psql('febrl', qq{SELECT caredata.train_link_model($m, 'a', 'b', 'by_rule', recall => 0.8)});
my $parameters = sub {
	my ($column, $comparison, $level) = @_;
	return $node->safe_psql('febrl', qq{
		SELECT l.$column FROM caredata.link_model_level l
		JOIN caredata.link_model_comparison c ON c.model_id = l.model_id AND c.ordinal = l.comparison
		WHERE l.model_id = $m AND c.name = '$comparison' AND l.level = $level});
};
is($node->safe_psql('febrl', "SELECT lambda FROM caredata.link_model WHERE model_id = $m"),
	'0.00023835', 'lambda');
foreach my $expected (
	[ 'given name', 4, .689, .003381 ], [ 'given name', 0, .1564, .9698 ],
	[ 'surname', 4, .678, .003809 ], [ 'surname', 0, .1263, .9808 ],
	[ 'birth', 5, .9415, .0001886 ], [ 'birth', 0, .0374, .8111 ],
	[ 'number', 2, .9112, .0001570 ], [ 'number', 0, .0375, .9996 ],
	[ 'street', 1, .8712, .01394 ], [ 'postcode', 3, .8407, .001162 ])
{
	my ($comparison, $level, $m_expected, $u_expected) = @$expected;
	my ($found_m, $found_u) = ($parameters->('m', $comparison, $level), $parameters->('u', $comparison, $level));

	cmp_ok(abs($found_m - $m_expected), '<=', 0.001, "m of $comparison, level $level: $found_m for $m_expected");
	# another sample of ten million pairs has other counts
	cmp_ok(abs($found_u - $u_expected), '<=', 0.001, "u of $comparison, level $level: $found_u for $u_expected");
}
my ($right, $wrong) = $node->safe_psql('febrl', "SELECT outcome($m, 0.99)") =~ /(\d+) right, (\d+) wrong/;
cmp_ok($right, '>=', 4940, "by rule $right links of probability .99, as Splink has");
is($wrong, 0, 'none of them wrong');

# 2. Jointly, the same comparisons.
my $j = $node->safe_psql('febrl', q{SELECT make_model('jointly', 'date_of_birth')});
$node->safe_psql('febrl', qq{SELECT caredata.train_link_model($j, 'a', 'b')});
($right, $wrong) = $node->safe_psql('febrl', "SELECT outcome($j, 0.99)") =~ /(\d+) right, (\d+) wrong/;
cmp_ok($right, '>=', 4960, "jointly $right links of probability .99");
is($wrong, 0, 'none of them wrong');
my $digest = "SELECT md5(string_agg(l::text, ',')) FROM caredata.link($j, 'a', 'b') l";
my $links = $node->safe_psql('febrl', $digest);

# 3. A dump has the model: the same links in another database.
$node->safe_psql('postgres', 'CREATE DATABASE copy');
my $file = $node->basedir . '/febrl.sql';
$node->command_ok([ 'pg_dump', '-f', $file, '-d', $node->connstr('febrl') ], 'dump');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr('copy') ], 'restore');
is($node->safe_psql('copy', $digest), $links, 'a restored model gives the same links, byte for byte');
is($node->safe_psql('copy', "SELECT caredata.create_link_model('next', 'id') > $j"), 't', 'and its number is not given again');

# 4. Another session sees what a run is doing.
my $h = $node->background_psql('febrl') if $node->can('background_psql');
SKIP:
{
	skip 'no background sessions in this version of the test modules', 1 unless $h;
	my $p = $node->safe_psql('febrl', q{SELECT make_model('watched', 'date_of_birth')});

	$h->query_until(qr/started/, "\\echo started\nSELECT caredata.train_link_model($p, 'a', 'b', 'by_rule', 25000000);\n");
	ok($node->poll_query_until('febrl',
			q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'caredata: %')}),
		'what a run is doing shows in pg_stat_activity');
	$h->quit;
}

$node->stop;
done_testing();
