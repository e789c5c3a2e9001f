# docs/reference-datasets.md has a table of fields for every dataset. Each row
# is compared with what the catalogue says, so that the page cannot fall behind.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = slurp_file('docs/reference-datasets.md');

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');

# A run of numbered fields, diag_01 to diag_20, is one row.
my $rows = $node->safe_psql(
	'postgres', q{
	SELECT dataset || E'\t' || format('| `%s` | %s | %s | %s | %s |',
		min(column_name)::text || CASE WHEN count(*) > 1 THEN '` to `' || max(column_name)::text ELSE '' END,
		field_type || CASE WHEN mandatory THEN ', mandatory' ELSE '' END,
		concat_ws(', ', 'format ' || format, 'list ' || code_list, 'not before `' || not_before || '`',
				  CASE WHEN future_allowed THEN 'may be in the future' END),
		CASE WHEN role = 'data' OR stored THEN treatment
			 ELSE 'not stored: ' || role END,
		CASE WHEN count(*) > 1 THEN regexp_replace(min(description), ' 1\M', ' n') ELSE min(description) END)
	FROM (SELECT *, left(regexp_replace(column_name, '_[0-9][0-9]$', '_nn'), 63) AS family
		  FROM caredata.dataset_column) c
	GROUP BY dataset, family, field_type, mandatory, format, code_list, not_before, future_allowed, role, stored, treatment
	ORDER BY dataset, min(position)});

my %section;
foreach my $part (split /^### /m, $page)
{
	$section{$1} = $part if $part =~ /^(\w+)/;
}
my %documented;
foreach my $row (split /\n/, $rows)
{
	my ($dataset, $line) = split /\t/, $row;
	$documented{$dataset}++;
	ok(index($section{$dataset} // '', "$line\n") >= 0, "$dataset: $line");
}
foreach my $dataset (sort keys %documented)
{
	my @lines = ($section{$dataset} // '') =~ /^(\| `.*)$/mg;
	is(scalar(@lines), $documented{$dataset},
		"$dataset has no row that the catalogue lacks");
}

$node->stop;
done_testing();
