/* ---
description: >-
  Target tahunan pajak daerah. Bandingkan dengan realisasi yang masuk_pad_provinsi dari core.fct_penerimaan_pkb lewat
  kode_pajak = jenis_pajak, dan dengan bagian tahun yang sudah berjalan.
grain: Satu baris per tahun dan jenis pajak
partition: tahun
columns:
  tahun: {description: Tanggal 1 Januari tahun anggaran., classification: public}
  kode_pajak: {description: "Kode jenis pajak, misalnya PKB.", classification: public}
  nama_pajak: {description: Nama jenis pajak., classification: public}
  target: {description: Target penerimaan setahun., satuan: Rp, classification: public}
  jumlah_hari: {description: "Hari dalam tahun itu, untuk target pro rata.", satuan: hari, classification: public}
  keterangan: {description: Dasar angka; angka tiruan ditandai di sini., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    tahun,
    kode_pajak,
    nama_pajak,
    target,
    CAST(date_diff('day', tahun, tahun + INTERVAL 1 YEAR) AS INTEGER) AS jumlah_hari,
    keterangan,
    _asal AS asal_data
FROM source.samsat__target_tahunan
