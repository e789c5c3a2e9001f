# Reference files as the NHS and the ONS publish them, with their dirt.
#
# The files are not part of the project.  They are looked for in the directory
# that CAREDATA_SHARED_DATA names, or in ../shared/data beside the checkout.
# What the loaders must count is worked out here from the same files, without
# the extension.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{CAREDATA_SHARED_DATA};
$data = '../shared/data' unless defined $data && $data ne '';
my @needed = ('geography/epraccur.csv', 'geography/epcmem.csv',
	'geography/lsoa_latlong.csv', 'geography/la_all_codes.csv',
	'codelists/Readv2', 'codelists/CTV3', 'codelists/ICD-10',
	'codelists/OPCS-4');
foreach my $needed (@needed)
{
	plan skip_all =>
	  "no $needed in CAREDATA_SHARED_DATA or ../shared/data: reference files not tested"
	  unless -e "$data/$needed";
}
chomp($data = `cd '$data' && pwd`);

# One record of CSV as a list; none of these files has a line break in a field.
sub fields
{
	my ($line) = @_;
	my @fields;
	$line =~ s/[\r\n]+\z//;
	while ($line =~ /\G(?:"((?:[^"]|"")*)"|([^,]*))(,|\z)/g)
	{
		my $field = defined $1 ? $1 : $2;
		$field =~ s/""/"/g;
		push @fields, $field;
		last if $3 eq '';
	}
	return @fields;
}

sub records
{
	my ($file, $header) = @_;
	open(my $fh, '<', "$data/$file") or die "$file: $!";
	my @records = map { [ fields($_) ] } <$fh>;
	close($fh);
	shift @records if $header;
	return @records;
}

my $node = PostgreSQL::Test::Cluster->new('reference');
$node->init;
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');

sub load
{
	my ($copy, $call) = @_;
	$node->safe_psql('postgres', "$copy\nCALL caredata.$call;");
	return $node->safe_psql('postgres',
		'SELECT landed, stored, withheld, quarantined FROM caredata.reference_load '
		  . 'ORDER BY reference_load_id DESC LIMIT 1');
}

# Practices: whatever has no postcode is a practice still, but a postcode that
# cannot be one is put aside.
my $postcode = qr/^(?:GIR0AA|[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9]|[A-HK-Y][0-9]{2}|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRVWXY])[0-9][ABD-HJLNP-UW-Z]{2})$/;
my @practices = records('geography/epraccur.csv', 0);
my (%status, %commissioner, %practice);
my $bad_postcode = 0;
foreach my $practice (@practices)
{
	(my $squeezed = $practice->[9]) =~ s/ //g;
	if ($squeezed ne '' && $squeezed !~ $postcode)
	{
		$bad_postcode++;
		next;
	}
	$practice{ $practice->[0] } = 1;
	$status{ { A => 'active', C => 'closed', D => 'dormant', P => 'proposed' }
		  ->{ $practice->[12] } }++;
	$commissioner{ $practice->[14] } = 1 if $practice->[14] ne '';
}
my $landed = @practices;
my $sound = $landed - $bad_postcode;

my $copy = "\\copy care_landing.epraccur from '$data/geography/epraccur.csv' csv";
is(load($copy, 'load_practices()'),
	"$landed|$sound|0|$bad_postcode", 'practices: every row accounted for');
is($bad_postcode, 1, 'the file has the one postcode that cannot be');
is($node->safe_psql('postgres', 'SELECT count(*) FROM care.practice'),
	$sound, 'practices stored');
is( $node->safe_psql(
		'postgres',
		"SELECT string_agg(status || ' ' || n, ' ' ORDER BY status) FROM "
		  . '(SELECT status, count(*) AS n FROM care.practice GROUP BY status) s'),
	join(' ', map { "$_ $status{$_}" } sort keys %status),
	'practices by status');
is( $node->safe_psql(
		'postgres', 'SELECT count(*) FROM care.commissioner'),
	scalar(keys %commissioner),
	'commissioners that practices name');
is( $node->safe_psql(
		'postgres',
		'SELECT count(*) FROM care.practice p JOIN caredata.default_ods_code d ON d.code = p.practice_code'
	),
	0,
	'no default code is a practice');
is( $node->safe_psql(
		'postgres',
		"SELECT reasons::text FROM care_landing.reference_quarantine"),
	'{"postcode: not a postcode"}',
	'the reason says which column and what, not the value');
is(load($copy, 'load_practices()'),
	"$landed|0|$sound|$bad_postcode", 'practices again: nothing changes');

# Commissioners over time.
my @members = records('geography/epcmem.csv', 0);
my (%first, %last, %open, $orphans);
foreach my $member (@members)
{
	my ($practice, $code, undef, $from, $to) = @$member;
	$first{$code} = $from
	  if !defined $first{$code} || $from lt $first{$code};
	if   ($to eq '') { $open{$code} = 1; }
	else             { $last{$code} = $to if ($last{$code} // '') lt $to; }
	$commissioner{$code} = 1;
	$orphans++ unless $practice{$practice};
}
$landed = @members;
$copy = "\\copy care_landing.epcmem from '$data/geography/epcmem.csv' csv";
is(load($copy, 'load_practice_commissioners()'),
	"$landed|$landed|0|0", 'memberships: every row stored');
is( $node->safe_psql(
		'postgres',
		'SELECT count(*) FROM care.practice_commissioner m WHERE NOT EXISTS '
		  . '(SELECT FROM care.practice p WHERE p.practice_code = m.practice_code)'
	),
	$orphans,
	'memberships of practices that the practice file no longer has are kept');
is( $node->safe_psql(
		'postgres',
		'SELECT count(*), count(opened_on), count(*) FILTER (WHERE opened_on IS NOT NULL AND closed_on IS NULL) FROM care.commissioner'
	),
	join('|',
		scalar(keys %commissioner), scalar(keys %first), scalar(keys %open)),
	'commissioners, with dates, and open');
is( $node->safe_psql(
		'postgres',
		"SELECT count(*) FROM care.commissioner WHERE kind = 'ccg'"),
	scalar(
		grep { /^[0-9]{2}[A-Z]$/ && $first{$_} ge '20130401' } keys %first),
	'clinical commissioning groups');
is( $node->safe_psql(
		'postgres',
		"SELECT to_char(opened_on, 'YYYYMMDD'), to_char(closed_on, 'YYYYMMDD') FROM care.commissioner WHERE commissioner_code = '5E1'"
	),
	"$first{'5E1'}|$last{'5E1'}",
	'a primary care trust has its dates');
is(load($copy, 'load_practice_commissioners()'),
	"$landed|0|$landed|0", 'memberships again: nothing changes');

# Local authorities.
my @authorities = records('geography/la_all_codes.csv', 1);
my $current = grep { $_->[18] eq 'TRUE' } @authorities;
$landed = @authorities;
$copy =
  "\\copy care_landing.local_authority from '$data/geography/la_all_codes.csv' csv header";
is(load($copy, 'load_local_authorities()'),
	"$landed|$landed|0|0", 'local authorities: every row stored');
is( $node->safe_psql(
		'postgres',
		'SELECT count(*) FILTER (WHERE is_current) FROM care.local_authority'),
	$current,
	'local authorities of today');
is(load($copy, 'load_local_authorities()'),
	"$landed|0|$landed|0", 'local authorities again: nothing changes');

# Small areas of all four countries, in five kinds of code.
my @areas = records('geography/lsoa_latlong.csv', 1);
my %kind;
$kind{ substr($_->[0], 0, 1) }++ foreach @areas;
$landed = @areas;
$copy =
  "\\copy care_landing.lsoa from '$data/geography/lsoa_latlong.csv' csv header";
is(load($copy, 'load_lsoas()'),
	"$landed|$landed|0|0", 'small areas: every row stored');
is( $node->safe_psql(
		'postgres',
		"SELECT string_agg(kind || ' ' || n, ' ' ORDER BY kind COLLATE \"C\") FROM "
		  . '(SELECT left(lsoa_code, 1) AS kind, count(*) AS n FROM care.lsoa GROUP BY 1) s'
	),
	join(' ', map { "$_ $kind{$_}" } sort keys %kind),
	'small areas by kind of code');
is(load($copy, 'load_lsoas()'),
	"$landed|0|$landed|0", 'small areas again: nothing changes');

# Long-term conditions. Some files have a fifth column; some codes come twice.
my %folder = (
	readv2 => 'Readv2',
	ctv3   => 'CTV3',
	icd10  => 'ICD-10',
	opcs4  => 'OPCS-4');
foreach my $scheme (sort keys %folder)
{
	my (%row, %entry);
	$copy = '';
	$landed = 0;
	foreach my $file (sort glob("$data/codelists/$folder{$scheme}/*.csv"))
	{
		(my $short = $file) =~ s/^\Q$data\E\///;
		my @codes = records($short, 1);
		open(my $fh, '<', $file) or die "$file: $!";
		my $columns = scalar(fields(scalar <$fh>));
		close($fh);
		$copy .= $columns == 5
		  ? "\\copy care_landing.condition_code from '$file' csv header\n"
		  : "\\copy care_landing.condition_code (code, description, condition, sub_condition) from '$file' csv header\n";
		foreach my $code (@codes)
		{
			my ($stored, $condition, $sub) = @$code[ 0, 2, 3 ];
			s/^\s+|\s+$//g foreach ($stored, $condition, $sub);
			$stored =~ s/\.//g if $scheme eq 'icd10' || $scheme eq 'opcs4';
			$row{"$stored|$condition|$sub"} = 1;
			$entry{"$condition|$stored"} = 1;
			$entry{"$condition: $sub|$stored"} = 1
			  if $sub ne '' && $sub ne $condition;
			$landed++;
		}
	}
	my $distinct = keys %row;
	my $twice = $landed - $distinct;
	is(load($copy, "load_condition_codes('$scheme')"),
		"$landed|$distinct|$twice|0", "$scheme: every row accounted for");
	is( $node->safe_psql(
			'postgres',
			"SELECT count(*) FROM care.code_list WHERE scheme = '$scheme'"),
		scalar(keys %entry),
		"$scheme: codes by condition and sub-condition");
	is(load($copy, "load_condition_codes('$scheme')"),
		"$landed|0|$landed|0", "$scheme again: nothing changes");
}
is( $node->safe_psql(
		'postgres',
		"SELECT code FROM care.code_list WHERE code_list = 'Atrial fibrillation' AND scheme = 'icd10'"
	),
	'I48',
	'a category of three characters stays a category');

# Landing is empty at the end, and nothing is left to load.
my ($status, undef, $error) =
  $node->psql('postgres', 'CALL caredata.load_practices()');
isnt($status, 0, 'loading nothing is an error');
like($error, qr/landing table .*epraccur is empty/, 'which says so');

$node->stop;
done_testing();
