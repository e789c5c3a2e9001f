# Published vectors of comparators and phonetic codes, through SQL.
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
plan skip_all =>
  "no vectors in CAREDATA_SHARED_DATA or ../shared/data: comparators not tested against them"
  unless -e "$data/vectors/string_similarity_vectors.csv";
chomp($data = `cd '$data' && pwd`);

my $node = PostgreSQL::Test::Cluster->new('vectors');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION caredata');

# Every row of a file where one of the conditions does not hold is printed; an
# empty field is an empty text.
sub compare
{
	my ($file, $header, $columns, $rows, %conditions) = @_;
	my $definition = join(', ', map { "$_ text" } split(/ /, $columns));
	my $force = join(', ', split(/ /, $columns));
	my $format = "FORMAT csv, HEADER $header, FORCE_NOT_NULL ($force)";
	my $checks = join(",\n", map { "count(*) FILTER (WHERE ($conditions{$_}) IS NOT TRUE) AS $_" }
		  sort keys %conditions);
	my $got = $node->safe_psql('postgres', <<SQL);
CREATE TEMP TABLE vector ($definition);
\\copy vector FROM '$data/vectors/$file' WITH ($format)
SELECT count(*), $checks FROM vector;
SQL

	is($got, join('|', $rows, map { 0 } keys %conditions), "$file: " . join(', ', sort keys %conditions));
	return;
}

my $rounded = 'abs(caredata.%s(a, b) - %s::float8) <= 0.0005';

compare('string_similarity_vectors.csv', 'true', 'a b jaro winkler lev dam', 2040,
	jaro => 'round(caredata.jaro(a, b)::numeric, 12) = jaro::numeric',
	jaro_winkler => 'round(caredata.jaro_winkler(a, b)::numeric, 12) = winkler::numeric',
	levenshtein => 'caredata.levenshtein(a, b) = lev::integer',
	levenshtein_bounded => 'caredata.levenshtein_bounded(a, b, 3) = least(lev::integer, 4)',
	damerau => 'caredata.damerau_levenshtein(a, b) = dam::integer',
	damerau_bounded => 'caredata.damerau_levenshtein_bounded(a, b, 3) = least(dam::integer, 4)',
	alignment => 'caredata.optimal_string_alignment(a, b) BETWEEN dam::integer AND lev::integer');
compare('jellyfish/jaro_distance.csv', 'false', 'a b value', 5,
	jaro => sprintf($rounded, 'jaro', 'value'));
compare('jellyfish/jaro_winkler.csv', 'false', 'a b value', 17,
	jaro_winkler => sprintf($rounded, 'jaro_winkler', 'value'));
compare('jellyfish/levenshtein.csv', 'false', 'a b value', 6,
	levenshtein => 'caredata.levenshtein(a, b) = value::integer');
compare('jellyfish/damerau_levenshtein.csv', 'false', 'a b value', 9,
	damerau => 'caredata.damerau_levenshtein(a, b) = value::integer');

compare('phonetic_vectors.csv', 'true',
	'name standard nys codex sql_rule metaphone10 metaphone alternate', 1500,
	soundex => 'caredata.soundex(name) = standard',
	soundex_sql => 'caredata.soundex_sql(name) = sql_rule',
	nysiis => 'caredata.nysiis(name) = nys',
	match_rating => 'caredata.match_rating_codex(name) = codex',
	double_metaphone => 'caredata.double_metaphone(name) = metaphone',
	double_metaphone_alternate => 'caredata.double_metaphone_alternate(name) = alternate');
compare('double_metaphone_commons_codec.csv', 'true', 'name metaphone alternate', 611,
	double_metaphone => 'caredata.double_metaphone(name) = metaphone',
	double_metaphone_alternate => 'caredata.double_metaphone_alternate(name) = alternate');
compare('jellyfish/soundex.csv', 'false', 'name code', 11,
	soundex => 'caredata.soundex(name) = code');
compare('jellyfish/nysiis.csv', 'false', 'name code', 36,
	nysiis => 'caredata.nysiis(name) = code');
compare('jellyfish/match_rating_codex.csv', 'false', 'name code', 12,
	match_rating => 'caredata.match_rating_codex(name) = code');
compare('jellyfish/match_rating_comparison.csv', 'false', 'a b answer', 7,
	match_rating => "caredata.match_rating_comparison(a, b) IS NOT DISTINCT FROM nullif(answer, 'None')::boolean");

$node->stop;
done_testing();
