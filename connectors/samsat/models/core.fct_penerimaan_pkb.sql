/* ---
description: >-
  Penerimaan Samsat per hari, UPT, jenis kendaraan dan komponen, dengan penerimanya. Hanya baris dengan masuk_pad_provinsi
  yang dihitung ke PAD provinsi. Sebelum 5-6 Januari 2025 belum ada opsen; PKB sebelum dan sesudahnya tidak sebanding.
grain: Satu baris per tanggal, UPT, jenis kendaraan, komponen dan asal data
partition: tanggal
columns:
  tanggal: {description: Tanggal bayar (WIB)., classification: public}
  kode_upt: {description: Kode UPT tempat membayar., classification: public}
  nama_upt: {description: "Nama UPT; kosong bila kodenya belum ada dalam samsat.upt.", classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota tempat UPT., classification: public}
  kode_kemendagri: {description: Kode Kemendagri kabupaten/kota tempat UPT; selalu teks., classification: public}
  jenis_kendaraan: {description: Jenis kendaraan menurut Samsat., classification: public}
  komponen: {description: "Komponen pembayaran, misalnya pkb_pokok.", classification: public}
  jenis_pajak: {description: "Kelompok komponen; PKB dan BBNKB disambungkan dengan target tahunan.", classification: public}
  sifat: {description: pokok atau denda., classification: public}
  penerima: {description: "provinsi, kabupaten_kota, jasa_raharja atau negara.", classification: public}
  masuk_pad_provinsi: {description: Benar bila dihitung ke PAD provinsi., classification: public}
  jumlah_pembayaran: {description: Banyak pembayaran yang memuat komponen ini., satuan: pembayaran, classification: public}
  nilai: {description: Jumlah yang dibayar untuk komponen ini., satuan: Rp, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH per_komponen AS (
    SELECT
        b.tanggal,
        b.kode_upt,
        b.jenis_kendaraan,
        p.komponen,
        b._asal AS asal_data,
        CASE p.komponen
            WHEN 'pkb_pokok' THEN b.pkb_pokok
            WHEN 'pkb_denda' THEN b.pkb_denda
            WHEN 'opsen_pkb_pokok' THEN b.opsen_pkb_pokok
            WHEN 'opsen_pkb_denda' THEN b.opsen_pkb_denda
            WHEN 'bbnkb_pokok' THEN b.bbnkb_pokok
            WHEN 'bbnkb_denda' THEN b.bbnkb_denda
            WHEN 'opsen_bbnkb_pokok' THEN b.opsen_bbnkb_pokok
            WHEN 'opsen_bbnkb_denda' THEN b.opsen_bbnkb_denda
            WHEN 'swdkllj_pokok' THEN b.swdkllj_pokok
            WHEN 'swdkllj_denda' THEN b.swdkllj_denda
            WHEN 'pnbp_stnk' THEN b.pnbp_stnk
            WHEN 'pnbp_tnkb' THEN b.pnbp_tnkb
        END AS nilai
    FROM source.samsat__pembayaran_pkb AS b
    CROSS JOIN source.samsat__penerima AS p
),

harian AS (
    SELECT
        tanggal,
        kode_upt,
        jenis_kendaraan,
        komponen,
        asal_data,
        CAST(count(*) AS BIGINT) AS jumlah_pembayaran,
        CAST(sum(nilai) AS DECIMAL(20, 2)) AS nilai
    FROM per_komponen
    WHERE nilai <> 0
    GROUP BY tanggal, kode_upt, jenis_kendaraan, komponen, asal_data
)
SELECT
    h.tanggal,
    h.kode_upt,
    u.nama_upt,
    u.kode_bps,
    u.kode_kemendagri,
    h.jenis_kendaraan,
    h.komponen,
    p.jenis_pajak,
    p.sifat,
    p.penerima,
    p.masuk_pad_provinsi,
    h.jumlah_pembayaran,
    h.nilai,
    h.asal_data
FROM harian AS h
INNER JOIN source.samsat__penerima AS p ON p.komponen = h.komponen
LEFT JOIN core.dim_upt AS u ON u.kode_upt = h.kode_upt
