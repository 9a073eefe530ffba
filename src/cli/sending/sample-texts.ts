/** What people of one country write, and how their numbers begin. The digits that follow are made up and too many zeros to be real. */
export interface Locale {
  readonly prefix: string;
  /** `{n}` becomes a number, `{t}` a time of day. */
  readonly texts: readonly string[];
}

export const LOCALES: readonly Locale[] = [
  {
    prefix: "+91900000",
    texts: [
      "Hello, is order #{n} on its way?",
      "नमस्ते, मेरा ऑर्डर {n} कब आएगा?",
      "धन्यवाद! {t} बजे मिलते हैं।",
      "Please share the invoice for {n} 🙏",
      "kal {t} ko meeting confirm hai?",
    ],
  },
  {
    prefix: "+1415555",
    texts: [
      "Hi! Can I move my appointment to {t}?",
      "Thanks, got it 👍",
      "Your code is {n}. Don't share it with anyone.",
      "100% sure? It says 'out of stock' on the site…",
      "Running late, be there around {t}",
    ],
  },
  {
    prefix: "+34600000",
    texts: [
      "¡Hola! ¿A qué hora abren mañana?",
      "El pedido {n} llegó roto 😞",
      "Perfecto, a las {t} entonces.",
      "¿Tienen talla mediana?",
    ],
  },
  {
    prefix: "+55119000",
    texts: [
      "Bom dia! O pedido {n} já saiu?",
      "Não recebi o código de novo",
      "Obrigado! Até às {t} 😊",
      "Qual é o preço do frete?",
    ],
  },
  {
    prefix: "+49150000",
    texts: [
      "Guten Tag, wo bleibt Bestellung {n}?",
      "Passt, bis {t} Uhr. Schöne Grüße",
      "Könnten Sie die Straße noch ändern?",
    ],
  },
  { prefix: "+97150000", texts: ["مرحبا، أين طلبي رقم {n}؟", "شكرا جزيلا 🌹", "هل يمكن التوصيل الساعة {t}؟"] },
  { prefix: "+86130000", texts: ["你好,订单 {n} 什么时候到?", "收到,谢谢!", "可以改到 {t} 吗?"] },
  { prefix: "+81900000", texts: ["注文番号{n}の件でお問い合わせです。", "ありがとうございます😊", "{t}に伺います。"] },
  {
    prefix: "+38050000",
    texts: ["Добрий день! Де моє замовлення {n}?", "Дякую, чекаю о {t}", "Чи є доставка в суботу?"],
  },
  { prefix: "+82100000", texts: ["안녕하세요, 주문 {n} 언제 도착하나요?", "네 감사합니다 ㅎㅎ", "{t}에 뵐게요"] },
  { prefix: "+66800000", texts: ["สวัสดีค่ะ ออเดอร์ {n} ส่งหรือยังคะ", "ขอบคุณค่ะ 🙏", "เจอกัน {t} นะ"] },
  {
    prefix: "+30690000",
    texts: ["Καλημέρα, πού βρίσκεται η παραγγελία {n};", "Ευχαριστώ πολύ!", "ΟΔΌΣ ή Οδός; Γράψτε τη σωστά παρακαλώ"],
  },
  { prefix: "+97252000", texts: ["שלום, מה קורה עם הזמנה {n}?", "תודה רבה", "נתראה בשעה {t}"] },
];

/** The numbers people write to. */
export const RECEIVERS: readonly string[] = ["+14155550100", "+14155550101", "+442079460000"];
