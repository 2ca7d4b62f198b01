/* ---
description: >-
  Penerimaan Samsat per hari, UPT dan kelompok pajak, dengan banyaknya pembayar dan pangsa pembayar terbesar. Keduanya
  menentukan apakah jumlah uang satu sel dapat menunjuk orang; opsen dihitung bersama pajak pokoknya karena besarnya
  ditentukan olehnya. Pembayar adalah pemilik kendaraan; tanpa pemilik, kendaraannya.
grain: Satu baris per tanggal, UPT, kelompok pajak dan asal data
partition: tanggal
columns:
  tanggal: {description: Tanggal bayar (WIB)., classification: public}
  kode_upt: {description: Kode UPT tempat membayar., classification: public}
  jenis_pajak: {description: "Kelompok pajak: PKB, BBNKB atau SWDKLLJ.", classification: public}
  nilai: {description: Pokok dan denda pajak itu., satuan: Rp, classification: internal}
  nilai_opsen: {description: Pokok dan denda opsennya; nol untuk SWDKLLJ., satuan: Rp, classification: internal}
  jumlah_pembayaran: {description: Banyak pembayaran., satuan: pembayaran, classification: internal}
  jumlah_pembayar: {description: Banyak pembayar yang berbeda., satuan: pembayar, classification: internal}
  pangsa_terbesar: {description: Bagian pembayar terbesar dari nilai dan opsennya; 0 sampai 1., satuan: bagian, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH per_kelompok AS (
    SELECT
        b.tanggal,
        b.kode_upt,
        k.jenis_pajak,
        b._asal AS asal_data,
        coalesce(b.pemilik_acak, b.nopol_acak) AS pembayar,
        CASE k.jenis_pajak
            WHEN 'PKB' THEN b.pkb_pokok + b.pkb_denda
            WHEN 'BBNKB' THEN b.bbnkb_pokok + b.bbnkb_denda
            WHEN 'SWDKLLJ' THEN b.swdkllj_pokok + b.swdkllj_denda
        END AS nilai,
        CASE k.jenis_pajak
            WHEN 'PKB' THEN b.opsen_pkb_pokok + b.opsen_pkb_denda
            WHEN 'BBNKB' THEN b.opsen_bbnkb_pokok + b.opsen_bbnkb_denda
            ELSE 0
        END AS nilai_opsen
    FROM source.samsat__pembayaran_pkb AS b
    CROSS JOIN (SELECT unnest(['PKB', 'BBNKB', 'SWDKLLJ']) AS jenis_pajak) AS k
),

per_pembayar AS (
    SELECT
        tanggal,
        kode_upt,
        jenis_pajak,
        asal_data,
        pembayar,
        count(*) AS jumlah_pembayaran,
        sum(nilai) AS nilai,
        sum(nilai_opsen) AS nilai_opsen
    FROM per_kelompok
    WHERE nilai <> 0 OR nilai_opsen <> 0
    GROUP BY tanggal, kode_upt, jenis_pajak, asal_data, pembayar
)
SELECT
    tanggal,
    kode_upt,
    jenis_pajak,
    CAST(sum(nilai) AS DECIMAL(20, 2)) AS nilai,
    CAST(sum(nilai_opsen) AS DECIMAL(20, 2)) AS nilai_opsen,
    CAST(sum(jumlah_pembayaran) AS BIGINT) AS jumlah_pembayaran,
    CAST(count(*) AS BIGINT) AS jumlah_pembayar,
    round(
        CAST(max(nilai + nilai_opsen) AS DOUBLE) / nullif(CAST(sum(nilai + nilai_opsen) AS DOUBLE), 0), 6
    ) AS pangsa_terbesar,
    asal_data
FROM per_pembayar
GROUP BY tanggal, kode_upt, jenis_pajak, asal_data
